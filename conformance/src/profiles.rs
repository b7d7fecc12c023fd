//! What a profile of a revision scores: a list of cases that is checked in.
//!
//! While a revision is open, every case of the profile is scored, listed or not; the list says what
//! there was when it was written, so that no case is lost or changes its profile unseen. With the
//! release it is frozen (`edgewise-conformance lists --freeze`): a case that comes later is run, and
//! told, and *unscored*. So the verdict on a program does not change by a new version of the suite.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use edgewise_spec::constants::SPEC_REVISION;

use crate::case::Profile;
use crate::cases;
use crate::report::CaseReport;

/// The lists of this revision, as they are checked in.
const CHECKED_IN: [(Profile, &str); 4] = [
    (Profile::Core, include_str!("../profiles/core-1.txt")),
    (Profile::Duplex, include_str!("../profiles/duplex-1.txt")),
    (Profile::Scatter, include_str!("../profiles/scatter-1.txt")),
    (Profile::Cadence, include_str!("../profiles/cadence-1.txt")),
];

/// The lists of one revision, one a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lists(Vec<List>);

/// The cases that one profile scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Whose.
    pub profile: Profile,
    /// Whether the revision is released.
    pub frozen: bool,
    /// Ids, in the order of their names.
    pub cases: Vec<String>,
}

impl Lists {
    /// The lists of the revision that this suite judges.
    ///
    /// # Errors
    /// What is wrong with a file, which a test holds against.
    pub fn checked_in() -> Result<Self, String> {
        let lists = CHECKED_IN.iter().map(|(profile, text)| List::parse(*profile, text));
        lists.collect::<Result<_, _>>().map(Self)
    }

    /// The lists of a folder, for those that it has; the checked-in ones for the others.
    ///
    /// # Errors
    /// What is wrong with a file.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let Self(mut lists) = Self::checked_in()?;
        for list in &mut lists {
            let path = folder.join(name(list.profile));
            match fs::read_to_string(&path) {
                Ok(text) => *list = List::parse(list.profile, &text)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{}: {error}", path.display())),
            }
        }
        Ok(Self(lists))
    }

    /// Whether a case is scored; what is no case of the suite, a fault of its preflight for one,
    /// always is.
    #[must_use]
    pub fn scores(&self, id: &str) -> bool {
        let Some(case) = cases::find(id) else { return true };
        let list = self.0.iter().find(|list| list.profile == case.profile());
        list.is_none_or(|list| !list.frozen || list.cases.iter().any(|listed| listed == id))
    }

    /// Marks what is not scored.
    pub fn score(&self, cases: &mut [CaseReport]) {
        for case in cases {
            case.scored = self.scores(&case.id);
        }
    }

    /// The profiles whose lists are frozen.
    pub fn frozen(&self) -> impl Iterator<Item = Profile> {
        self.0.iter().filter(|list| list.frozen).map(|list| list.profile)
    }
}

impl List {
    fn parse(profile: Profile, text: &str) -> Result<Self, String> {
        let fault = |what: String| format!("{}: {what}", name(profile));
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let frozen = match lines.next() {
            Some("open") => false,
            Some("frozen") => true,
            other => return Err(fault(format!("{other:?} is neither open nor frozen"))),
        };
        let cases: Vec<String> = lines.map(str::to_owned).collect();
        match cases.windows(2).find(|pair| matches!(pair, [one, next] if one >= next)) {
            None => Ok(Self { profile, frozen, cases }),
            Some(pair) => Err(fault(format!("{} are out of order", pair.join(" and ")))),
        }
    }

    /// All cases that a profile has now.
    fn now(profile: Profile, frozen: bool) -> Self {
        let mut cases: Vec<String> = cases::of(profile).map(|case| case.id.to_owned()).collect();
        cases.sort();
        Self { profile, frozen, cases }
    }

    fn text(&self) -> String {
        let (profile, count) = (self.profile.name(), self.cases.len());
        let mut text = format!(
            "# Profile {profile} of revision {SPEC_REVISION} of the specification: {count} cases.\n\
             # Written by `edgewise-conformance lists`; open: every case of the profile is scored;\n\
             # frozen: these are, and what came later is run unscored.\n{}\n",
            if self.frozen { "frozen" } else { "open" }
        );
        for case in &self.cases {
            let _ = writeln!(text, "{case}");
        }
        text
    }

    /// What a list names that the suite has no more, or has in another profile.
    #[must_use]
    pub fn lost(&self) -> Vec<String> {
        let lost = |id: &&String| cases::find(id).is_none_or(|case| case.profile() != self.profile);
        self.cases.iter().filter(lost).cloned().collect()
    }
}

fn name(profile: Profile) -> String {
    format!("{}-{SPEC_REVISION}.txt", profile.name())
}

/// Writes the lists of all cases that there are now to a folder, and says what it did.
///
/// # Errors
/// A list that is frozen already, or what the file system says.
pub fn write(folder: &Path, freeze: bool) -> Result<Vec<String>, String> {
    let there = Lists::read(folder)?;
    if let Some(profile) = there.frozen().next() {
        let name = name(profile);
        return Err(format!("{name} is frozen: what comes later is scored by the next revision"));
    }
    let mut told = Vec::new();
    for (profile, _) in CHECKED_IN {
        let (list, path) = (List::now(profile, freeze), folder.join(name(profile)));
        fs::write(&path, list.text()).map_err(|error| format!("{}: {error}", path.display()))?;
        let state = if freeze { "frozen" } else { "open" };
        told.push(format!("{}: {} cases, {state}", path.display(), list.cases.len()));
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    fn first(profile: Profile) -> &'static str {
        cases::of(profile).next().unwrap().id
    }

    /// A case is a promise to whoever names it: it does not vanish, and keeps its profile.
    #[test]
    fn no_listed_case_is_lost() {
        let Lists(lists) = Lists::checked_in().unwrap();
        for list in &lists {
            let least = match list.profile {
                Profile::Core | Profile::Duplex => 50,
                Profile::Scatter | Profile::Cadence => 10,
            };
            assert!(list.cases.len() > least, "{list:?}");
            assert_eq!(list.lost(), Vec::<String>::new());
        }
        let cases = vec!["frame/gone".to_owned(), first(Profile::Duplex).to_owned()];
        let list = List { profile: Profile::Core, frozen: true, cases: cases.clone() };
        assert_eq!(list.lost(), cases, "what is gone, and what changed its profile");
    }

    #[test]
    fn a_frozen_list_scores_what_it_names_and_an_open_one_everything() {
        let (core, duplex) = (first(Profile::Core), first(Profile::Duplex));
        let list = |profile, text: &str| List::parse(profile, text).unwrap();
        let frozen =
            Lists(vec![list(Profile::Core, "frozen\nframe/x\n"), list(Profile::Duplex, "open\n")]);
        assert!(!frozen.scores(core) && frozen.scores(duplex));
        assert!(frozen.scores("preflight/unsupported"));
        let mut cases = [CaseReport::plain(core, Vec::new(), Outcome::Fail)];
        frozen.score(&mut cases);
        assert!(!cases[0].scored);
        let named = Lists(vec![list(Profile::Core, &format!("# x\nfrozen\n{core}\n"))]);
        assert!(named.scores(core));
        for text in ["", "ice\n", "open\nb/b\na/a\n", "open\na/a\na/a\n"] {
            assert!(List::parse(Profile::Core, text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_list_is_written_until_it_is_frozen() {
        let folder = tempfile::tempdir().unwrap();
        for freeze in [false, true] {
            assert_eq!(write(folder.path(), freeze).unwrap().len(), CHECKED_IN.len());
            let Lists(lists) = Lists::read(folder.path()).unwrap();
            assert!(lists.iter().all(|list| list.frozen == freeze));
            assert_eq!(lists[0], List::now(Profile::Core, freeze));
        }
        let fault = write(folder.path(), true).unwrap_err();
        assert!(fault.contains("core-1.txt is frozen"), "{fault}");
    }
}
