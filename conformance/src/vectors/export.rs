//! The vectors as one archive for strangers: files, schemas, and a README that explains them.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use edgewise_spec::constants::SPEC_REVISION;
use flate2::{Compression, GzBuilder};
use serde_json::Value;
use tar::{Builder, Header};

use super::{FILES, File};
use crate::repro::SUITE_VERSION;

const README: &str = include_str!("readme.md");
const LICENCES: [(&str, &str); 2] = [
    ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
];
/// The time of every entry, 2026-01-01: an archive says when it was made by its version alone.
const TIME: u64 = 1_767_225_600;
const ENDING: &str = ".tar.gz";

/// The folder in the archive, and its name: revision of the specification, version of the suite.
#[must_use]
pub fn name() -> String {
    format!("edgewise-vectors-r{SPEC_REVISION}-{SUITE_VERSION}")
}

/// Writes the archive to `place`, a path that ends with `.tar.gz` or else a folder, which is made.
///
/// # Errors
/// Whatever the file system says.
pub fn write(place: &Path) -> io::Result<PathBuf> {
    let is_file = place.to_string_lossy().ends_with(ENDING);
    let path = if is_file { place.to_owned() } else { place.join(name() + ENDING) };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let part = path.with_extension("gz.part");
    let written = std::fs::write(&part, archive()?).and_then(|()| std::fs::rename(&part, &path));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written.map(|()| path)
}

/// The archive, the same bytes each time.
fn archive() -> io::Result<Vec<u8>> {
    let mut entries: Vec<(String, String)> = vec![("README.md".to_owned(), readme()?)];
    entries.extend(LICENCES.map(|(name, text)| (name.to_owned(), text.to_owned())));
    for (word, vectors, schema) in FILES {
        entries.push((format!("{word}.json"), vectors.to_owned()));
        entries.push((format!("{word}.schema.json"), schema.to_owned()));
    }
    entries.sort();
    let zip = GzBuilder::new().mtime(0).operating_system(255);
    let mut tar = Builder::new(zip.write(Vec::new(), Compression::best()));
    for (path, text) in entries {
        let mut header = Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, format!("{}/{path}", name()), text.as_bytes())?;
    }
    let mut zip = tar.into_inner()?;
    zip.flush()?;
    zip.finish()
}

/// The README: what is the same for all files, then each file with its operations and flags.
fn readme() -> io::Result<String> {
    let mut text = README.to_owned();
    let _ = writeln!(
        text,
        "\nThis is revision {SPEC_REVISION} of the specification, version {SUITE_VERSION} of the suite.\n\n## The files"
    );
    for (word, vectors, schema) in FILES {
        let file: File = serde_json::from_str(vectors)?;
        let schema: Value = serde_json::from_str(schema)?;
        let _ = writeln!(text, "\n### {word}.json\n");
        text.push_str("| operation | vectors | what | layers that refuse |\n|---|---:|---|---|\n");
        for (operation, vectors) in &file.groups {
            let group = &schema["properties"]["groups"]["properties"][operation];
            let layers = group.pointer("/items/properties/expect_layer/enum");
            let layers = layers.and_then(Value::as_array).into_iter().flatten();
            let layers: Vec<_> =
                layers.filter_map(Value::as_str).map(|layer| format!("`{layer}`")).collect();
            let count = vectors.as_array().map_or(0, Vec::len);
            let what = group["description"].as_str().unwrap_or_default();
            let _ = writeln!(text, "| `{operation}` | {count} | {what} | {} |", layers.join(", "));
        }
        text.push_str("\n| flag | means |\n|---|---|\n");
        for (flag, meaning) in &file.flags {
            let _ = writeln!(text, "| `{flag}` | {meaning} |");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use flate2::read::GzDecoder;
    use tar::Archive;

    use super::*;

    /// What stands in an archive: path, then text.
    fn unpacked(bytes: &[u8]) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for entry in Archive::new(GzDecoder::new(bytes)).entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            let told = (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
            assert_eq!((told, header.mode().unwrap()), ((0, 0, TIME), 0o644));
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            assert!(all.insert(path, text).is_none());
        }
        all
    }

    #[test]
    fn two_archives_are_the_same_bytes_and_have_everything() {
        let folder = tempfile::tempdir().unwrap();
        let first = write(&folder.path().join("new/folder")).unwrap();
        assert_eq!(first.file_name().unwrap().to_str().unwrap(), name() + ENDING);
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        let second = write(&folder.path().join("mine.tar.gz")).unwrap();
        assert!(second.ends_with("mine.tar.gz"));
        let (first, second) = (std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
        assert!(first == second, "two exports differ");
        let all = unpacked(&first);
        assert_eq!(all.len(), 2 * FILES.len() + 3);
        for (word, vectors, schema) in FILES {
            assert_eq!(all[&format!("{}/{word}.json", name())], vectors);
            assert_eq!(all[&format!("{}/{word}.schema.json", name())], schema);
        }
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2, "nothing half written is left");
    }

    #[test]
    fn the_readme_names_every_operation_flag_and_layer() {
        let readme = readme().unwrap();
        for vector in super::super::all().unwrap() {
            assert!(readme.contains(&format!("| `{}` |", vector.operation)), "{}", vector.name);
            for (flag, meaning) in vector.flags {
                assert!(readme.contains(&format!("| `{flag}` | {meaning} |")), "{flag}");
            }
            if let super::super::Expected::Refused(layer) = vector.expected {
                assert!(readme.contains(&format!("`{layer}`")), "{layer}");
            }
        }
        assert!(!readme.contains("|  |  |"), "an operation without a description");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(write(&file.join("below")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
