//! The join: clause ↔ case ↔ code ↔ mutant ↔ vector. `run.rs` holds that each case is emitted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use edgewise_conformance::case::{Case, Profile};
use edgewise_conformance::clauses::{self, Clause, Evidence};
use edgewise_conformance::trace::{self, Citation};
use edgewise_conformance::{cases, mutants};
use edgewise_proto::v1::{GoodbyeCode, RejectCode};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn all_clauses() -> Vec<Clause> {
    clauses::all().unwrap()
}

fn ids(clauses: &[Clause]) -> BTreeSet<&str> {
    clauses.iter().map(|clause| clause.id.as_str()).collect()
}

/// The files below a folder whose names end so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    trace::files(folder, ending).unwrap()
}

/// The code that keeps the clauses: the core and both references.
fn sources() -> Vec<(PathBuf, String)> {
    let paths = trace::FOLDERS.iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    paths.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Everything that a file cites.
fn citations(text: &str) -> Vec<Citation> {
    trace::citations(text).into_iter().map(|(_, citation)| citation).collect()
}

/// What a file of the form `ID: reason` holds.
fn reasons(name: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("conformance/tests/all").join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (id, reason) = line.split_once(": ").expect(line);
            assert!(reason.len() > 20, "{id}: that is no reason: {reason}");
            (id.to_owned(), reason.to_owned())
        })
        .collect()
}

/// What a set of clauses lacks, but for those with a written reason; a reason for a clause that
/// lacks nothing is a fault too.
fn lacking(missing: Vec<String>, reasons: &BTreeMap<String, String>) -> Vec<String> {
    let needless = reasons.keys().filter(|id| !missing.contains(id));
    let needless: Vec<_> = needless.map(|id| format!("{id}: the reason is not needed")).collect();
    let missing = missing.into_iter().filter(|id| !reasons.contains_key(id));
    missing.chain(needless).collect()
}

#[test]
fn every_clause_is_one_sentence_with_one_keyword() {
    let clauses = all_clauses();
    assert!(clauses.len() > 100, "{} clauses", clauses.len());
    let mut seen = BTreeSet::new();
    for clause in &clauses {
        assert!(seen.insert(&clause.id), "{} stands twice", clause.id);
        let (word, number) = clause.id.split_once('-').unwrap();
        assert_eq!(word.to_lowercase(), clause.word, "{} in another chapter", clause.id);
        assert!(number.parse::<u32>().is_ok_and(|n| n > 0), "{}", clause.id);
        assert_eq!(clause.keywords().len(), 1, "{clause}");
        assert!(clause.text.ends_with('.'), "{clause}");
    }
}

/// Normative words stand in clauses alone.
#[test]
fn prose_has_no_keywords() {
    for (word, text) in clauses::CHAPTERS {
        let clauses = clauses::read(word, text).unwrap();
        let mut prose = text.replace('\n', " ");
        for clause in &clauses {
            prose = prose.replace(&clause.text, " ");
        }
        for keyword in ["MUST", "SHALL", "SHOULD", "REQUIRED", "RECOMMENDED"] {
            let found = prose.split(|c: char| !c.is_ascii_alphabetic()).any(|w| w == keyword);
            assert!(!found, "{word}.md: {keyword} outside of a clause");
        }
    }
}

#[test]
fn every_case_names_clauses_that_exist_and_are_seen_on_the_wire() {
    let clauses = all_clauses();
    let mut seen = BTreeSet::new();
    for case in cases::all() {
        assert!(seen.insert(case.id), "{} stands twice", case.id);
        let of_chapter = clauses::CHAPTERS.iter().any(|(word, _)| *word == case.word());
        // Properties judge clauses of several chapters at once.
        assert!(of_chapter || case.word() == "property", "{}", case.id);
        for id in case.requirements() {
            let clause = clauses.iter().find(|clause| clause.id == id);
            let clause = clause.unwrap_or_else(|| panic!("{}: no clause {id}", case.id));
            let seen = match case.profile() {
                profile if profile.is_for_servers() => clause.is_for_servers(),
                _ => clause.is_for_clients(),
            };
            assert!(seen, "{}: {clause} is not seen by it", case.id);
        }
    }
}

#[test]
fn every_clause_for_servers_has_a_case() {
    let servers = cases::all().filter(|case| case.profile().is_for_servers());
    let judged: BTreeSet<String> = servers.flat_map(Case::requirements).collect();
    let clauses = all_clauses();
    let missing = clauses.iter().filter(|clause| clause.is_for_servers());
    let missing = missing.filter(|clause| !judged.contains(&clause.id));
    let missing = missing.map(|clause| clause.id.clone()).collect();
    let lacking = lacking(missing, &reasons("no-case.txt"));
    assert!(lacking.is_empty(), "without a case: {lacking:#?}");
}

/// Whether a clause is about what a driven client shows, in the chapters of the profiles duplex and
/// scatter, in rotation, link and cadence.
fn is_driven(clause: &Clause) -> bool {
    let words = ["link", "cadence", "rotation", "invitation", "session", "message", "scatter"];
    clause.evidence == Evidence::Driver && words.contains(&clause.word)
}

#[test]
fn every_clause_of_evidence_driver_has_a_case() {
    let driven = cases::all().filter(|case| case.profile().is_for_clients());
    let judged: BTreeSet<String> = driven.flat_map(Case::requirements).collect();
    let clauses = all_clauses();
    let missing = clauses.iter().filter(|clause| is_driven(clause));
    let missing = missing.filter(|clause| !judged.contains(&clause.id));
    let missing = missing.map(|clause| clause.id.clone()).collect();
    let lacking = lacking(missing, &reasons("no-client-case.txt"));
    assert!(lacking.is_empty(), "without a case: {lacking:#?}");
}

/// What needs k > 1 is in the chapter that defines it, and nowhere else in the tables.
#[test]
fn profile_scatter_is_of_the_chapter_scatter() {
    let ids: Vec<_> = cases::of(Profile::Scatter).map(|case| case.id).collect();
    assert!(!ids.is_empty());
    for id in ids {
        assert!(id.starts_with("scatter/"), "{id}");
    }
}

#[test]
fn every_clause_for_servers_has_a_mutant() {
    let broken: BTreeSet<&str> = mutants::all().map(mutants::Mutant::clause).collect();
    let clauses = all_clauses();
    let missing = clauses.iter().filter(|clause| clause.is_for_servers());
    let missing = missing.filter(|clause| !broken.contains(clause.id.as_str()));
    let missing = missing.map(|clause| clause.id.clone()).collect();
    let lacking = lacking(missing, &reasons("no-mutant.txt"));
    assert!(lacking.is_empty(), "without a mutant: {lacking:#?}");
}

#[test]
fn every_clause_of_evidence_driver_has_a_mutant() {
    let broken: BTreeSet<&str> = mutants::all().map(mutants::Mutant::clause).collect();
    let clauses = all_clauses();
    let missing = clauses.iter().filter(|clause| is_driven(clause));
    let missing = missing.filter(|clause| !broken.contains(clause.id.as_str()));
    let missing = missing.map(|clause| clause.id.clone()).collect();
    let lacking = lacking(missing, &reasons("no-client-mutant.txt"));
    assert!(lacking.is_empty(), "without a mutant: {lacking:#?}");
}

/// A mutant that code can be told to be, and the table's line for it, need one another.
#[test]
fn mutants_of_the_table_and_of_the_code_are_the_same() {
    let clauses = all_clauses();
    let mut there = BTreeSet::new();
    for (_, text) in sources() {
        for citation in citations(&text) {
            if let Citation::Required(id) | Citation::Mutant(id) = citation {
                there.insert(id);
            }
        }
    }
    let mut listed = BTreeSet::new();
    for mutant in mutants::all() {
        assert!(listed.insert(mutant.id.to_owned()), "{} stands twice", mutant.id);
        assert!(there.contains(mutant.id), "{}: no code can be it", mutant.id);
        let case = cases::find(mutant.case);
        let case = case.unwrap_or_else(|| panic!("{}: no case {}", mutant.id, mutant.case));
        let judged = case.requirements().iter().any(|id| id == mutant.clause());
        assert!(judged, "{}: {} does not judge that clause", mutant.id, case.id);
    }
    let for_servers = |id: &String| {
        let clause = id.split('/').next().unwrap_or_default();
        clauses.iter().any(|known| known.id == clause && known.is_for_servers())
    };
    let orphans = there.into_iter().filter(|id| for_servers(id) && !listed.contains(id));
    let orphans = lacking(orphans.collect(), &reasons("untried.txt"));
    assert!(orphans.is_empty(), "in code, and never tried: {orphans:#?}");
}

#[test]
fn code_cites_only_clauses_that_exist() {
    let clauses = all_clauses();
    let known = ids(&clauses);
    for (path, text) in sources() {
        for citation in citations(&text) {
            let id = citation.clause();
            assert!(known.contains(id), "{}: there is no {id}", path.display());
        }
    }
}

#[test]
fn every_clause_is_cited_where_it_is_kept() {
    let mut cited = BTreeSet::new();
    for (_, text) in sources() {
        for citation in citations(&text) {
            cited.insert(citation.clause().to_owned());
        }
    }
    let clauses = all_clauses();
    let missing = clauses.iter().filter(|clause| clause.evidence != Evidence::Review);
    let missing = missing.filter(|clause| !cited.contains(&clause.id));
    let missing: Vec<_> = missing.map(|clause| &clause.id).collect();
    assert!(missing.is_empty(), "no code cites: {missing:#?}");
}

/// Everything under a `requirements` key of the vector files.
fn in_vectors(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                if name == "requirements" {
                    let ids = value.as_array().unwrap().iter();
                    found.extend(ids.map(|id| id.as_str().unwrap().to_owned()));
                } else {
                    in_vectors(value, found);
                }
            }
        }
        serde_json::Value::Array(values) => {
            values.iter().for_each(|value| in_vectors(value, found));
        }
        _ => {}
    }
}

#[test]
fn every_clause_of_evidence_vector_stands_in_a_vector_file() {
    let mut found = BTreeSet::new();
    for path in files(&root().join("conformance/vectors"), ".json") {
        if path.to_string_lossy().ends_with(".schema.json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        in_vectors(&serde_json::from_str(&text).unwrap(), &mut found);
    }
    let clauses = all_clauses();
    let missing = clauses.iter().filter(|clause| clause.evidence == Evidence::Vector);
    let missing = missing.filter(|clause| !found.contains(&clause.id));
    let missing: Vec<_> = missing.map(|clause| &clause.id).collect();
    assert!(missing.is_empty(), "in no vector file: {missing:#?}");
    let known = ids(&clauses);
    let strange: Vec<_> = found.iter().filter(|id| !known.contains(id.as_str())).collect();
    assert!(strange.is_empty(), "vectors name clauses that do not exist: {strange:#?}");
}

/// The cells of the table that begins with this row.
fn table(text: &str, head: &str) -> Vec<Vec<String>> {
    let (_, rows) = text.split_once(head).expect(head);
    let rows = rows.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_matches('|').split('|'));
    cells.map(|cells| cells.map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The registry of error.md and the schema have the same codes, under the same numbers.
#[test]
fn the_registry_of_errors_is_that_of_the_schema() {
    let text = std::fs::read_to_string(root().join("spec/error.md")).unwrap();
    let rejects = table(&text, "| order | code | number |");
    let written = rejects.iter().map(|row| (row[1].clone(), row[2].clone()));
    let numbers =
        (1..1_000).filter_map(|number| Some((RejectCode::try_from(number).ok()?, number)));
    let schema = numbers.map(|(code, number)| {
        (code.as_str_name().trim_start_matches("REJECT_CODE_").to_owned(), number.to_string())
    });
    assert_eq!(written.collect::<BTreeSet<_>>(), schema.collect());
    let goodbyes = table(&text, "| code | number | said by |");
    let written = goodbyes.iter().map(|row| (row[0].clone(), row[1].clone()));
    let numbers =
        (1..1_000).filter_map(|number| Some((GoodbyeCode::try_from(number).ok()?, number)));
    let schema = numbers.map(|(code, number)| {
        (code.as_str_name().trim_start_matches("GOODBYE_CODE_").to_owned(), number.to_string())
    });
    assert_eq!(written.collect::<BTreeSet<_>>(), schema.collect());
}
