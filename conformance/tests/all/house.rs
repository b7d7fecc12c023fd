//! The rules of ARCHITECTURE.md that no compiler holds.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file past this many lines is a folder waiting to happen.
const FILE_LINES_MAX: usize = 550;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Files that git knows or would take, with this ending.
fn files(ending: &str) -> Vec<PathBuf> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root()).output().unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let names = names.lines().filter(|name| name.ends_with(ending));
    let files: Vec<_> = names.map(|name| root().join(name)).filter(|path| path.exists()).collect();
    assert!(!files.is_empty(), "no file ends with {ending}: is this a git checkout?");
    files
}

/// ARCHITECTURE.md, "Crates": who may use whom.
#[test]
fn dependencies_point_one_way() {
    let allowed = [
        ("edgewise-proto", &[][..]),
        ("edgewise-spec", &["edgewise-proto"]),
        ("edgewise-client", &["edgewise-proto", "edgewise-spec"]),
        ("edgewise-server", &["edgewise-proto", "edgewise-spec"]),
        (
            "edgewise-conformance",
            &["edgewise-client", "edgewise-proto", "edgewise-server", "edgewise-spec"],
        ),
        (
            "edgewise-benches",
            &["edgewise-client", "edgewise-proto", "edgewise-server", "edgewise-spec"],
        ),
    ];
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), allowed.len(), "a crate is missing from the table");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let (_, allowed) = allowed.iter().find(|(known, _)| *known == name).expect(name);
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let ours = used.starts_with("edgewise-") && used != name;
            assert!(!ours || allowed.contains(&used), "{name} must not use {used}");
        }
    }
}

#[test]
fn the_core_has_no_runtime() {
    let tree = cargo(&["tree", "-p", "edgewise-spec", "-e", "normal", "--offline"]);
    assert!(tree.contains("prost"), "not a dependency tree: {tree}");
    for runtime in ["tokio ", "tonic ", "hyper ", "mio ", "tracing ", "log ", "getrandom "] {
        assert!(!tree.contains(&format!(" {runtime}")), "edgewise-spec uses {runtime}:\n{tree}");
    }
}

#[test]
fn the_core_reads_no_clock_and_dials_nobody() {
    for path in files(".rs").iter().filter(|path| path.starts_with(root().join("spec/src"))) {
        let text = std::fs::read_to_string(path).unwrap();
        for word in ["SystemTime", "Instant::now", "std::net", "std::thread", "thread_rng"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn files_are_short_and_named_after_what_they_hold() {
    for path in files(".rs") {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= FILE_LINES_MAX, "{}: {lines} lines", path.display());
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let stem = if stem == "mod" {
            path.parent().unwrap().file_name().unwrap().to_str().unwrap()
        } else {
            stem
        };
        for vague in ["util", "utils", "common", "helper", "helpers", "misc"] {
            assert_ne!(stem, vague, "{} says nothing about what it holds", path.display());
        }
    }
}

/// One word a concept: the simplex connection is never called by another name.
#[test]
fn the_chapters_keep_to_the_words() {
    let mut texts = files(".proto");
    texts.extend(files(".md").into_iter().filter(|path| path.starts_with(root().join("spec"))));
    for path in texts {
        let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
        for word in ["queue", "channel", "mailbox"] {
            assert!(!text.contains(word), "{} says {word}", path.display());
        }
    }
}

/// Each word of the table has its chapter, module, schema, cases and vectors.
#[test]
fn every_word_is_everywhere() {
    for word in ["suite", "frame", "link", "connection", "rotation"] {
        let there = |relative: &str| root().join(relative.replace("WORD", word)).exists();
        assert!(there("spec/WORD.md"), "{word}: no chapter");
        assert!(there("spec/src/WORD.rs") || there("spec/src/WORD/mod.rs"), "{word}: no module");
        assert!(there("conformance/vectors/WORD.json"), "{word}: no vectors");
        assert!(there("benches/benches/WORD.rs"), "{word}: no bench");
        let wire = word != "suite";
        let cases = "conformance/src/cases/WORD.rs";
        assert!(
            !wire || there(cases) || there("conformance/src/cases/WORD/mod.rs"),
            "{word}: no cases"
        );
        assert!(!wire || there("proto/edgewise/v1/WORD.proto"), "{word}: no schema");
    }
    // Between people: no server sees anything of them, so they have no schema of the wire.
    for word in ["invitation", "session", "message", "scatter"] {
        let there = |relative: &str| root().join(relative.replace("WORD", word)).exists();
        assert!(there("spec/WORD.md"), "{word}: no chapter");
        assert!(there("spec/src/WORD/mod.rs"), "{word}: no module");
        assert!(there("conformance/vectors/WORD.json"), "{word}: no vectors");
    }
}
