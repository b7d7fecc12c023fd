//! What holds of every vector file, whatever its word.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::schema::matches;
use crate::vector::VectorFile;

/// Reads a file of the repository, by its path from the root.
fn read(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// The texts of a list of texts.
fn texts(list: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(text).collect()
}

/// Asserts of the file of `word`: ids are one of a kind and begin with their group, flags are
/// explained and used, clauses exist, every clause with evidence *vector* has a vector, and neither
/// schema nor reader takes a field that nobody has defined.
pub fn audit<G: DeserializeOwned>(word: &str) {
    let file: Value =
        serde_json::from_str(&read(&format!("conformance/vectors/{word}.json"))).unwrap();
    let chapter = read(&format!("spec/{word}.md"));
    let (mut ids, mut flags, mut named) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (group, vectors) in file["groups"].as_object().unwrap() {
        let group = group.replace('_', "-");
        for vector in vectors.as_array().unwrap() {
            let id = vector["id"].as_str().unwrap();
            assert!(id.starts_with(&format!("{group}/")), "{id} in group {group}");
            assert!(ids.insert(id.to_owned()), "{id} twice");
            flags.extend(texts(&vector["flags"]));
            named.extend(texts(&vector["requirements"]));
        }
    }
    assert!(ids.len() > 10, "{} vectors", ids.len());
    let explained = file["flags"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(flags, explained, "flags used, flags explained");
    for clause in &named {
        let word = clause.split('-').next().unwrap().to_lowercase();
        let chapter = read(&format!("spec/{word}.md"));
        assert!(chapter.contains(&format!("**{clause}** (")), "{clause} is no clause");
    }
    for line in chapter.lines().filter(|line| line.contains("; vector) ")) {
        let clause = line.trim_start_matches("**").split("**").next().unwrap();
        assert!(named.contains(clause), "{clause} has no vector");
    }
    unknown_fields_are_refused::<G>(word, &file);
}

fn unknown_fields_are_refused<G: DeserializeOwned>(word: &str, file: &Value) {
    let schema: Value =
        serde_json::from_str(&read(&format!("conformance/vectors/{word}.schema.json"))).unwrap();
    matches(&schema, &schema, file, "$");
    assert!(serde_json::from_value::<VectorFile<G>>(file.clone()).is_ok(), "{word}.json");
    let mut places = vec![String::new(), "/groups".to_owned()];
    for group in file["groups"].as_object().unwrap().keys() {
        places.push(format!("/groups/{group}/0"));
        places.push(format!("/groups/{group}/0/input"));
    }
    for place in places {
        let mut file = file.clone();
        let object = file.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        object.insert("surprise".to_owned(), true.into());
        let schema = AssertUnwindSafe(&schema);
        assert!(catch_unwind(|| matches(&schema, &schema, &file, "$")).is_err(), "{place}");
        assert!(serde_json::from_value::<VectorFile<G>>(file).is_err(), "{place}");
    }
}
