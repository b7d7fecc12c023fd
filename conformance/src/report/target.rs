//! What was judged, and by which profiles.

use serde::{Deserialize, Serialize};

use super::CaseReport;
use crate::case::{Need, Profile};
use crate::outcome::Outcome;

/// What was judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetReport {
    /// The profile that it was judged by.
    pub profile: String,
    /// `embedded`, `attach` or `exec`.
    pub kind: String,
    /// The address it was attached to, or the command.
    pub place: String,
    /// What it calls itself.
    pub implementation: String,
    /// Its version.
    pub version: String,
    /// What it declares beyond the profile.
    pub capabilities: Vec<String>,
    /// What it proved before its cases were run; what it did not is a case of its own.
    pub preflight: Vec<String>,
}

impl TargetReport {
    /// Its name for people: what it calls itself, or else where it is.
    #[must_use]
    pub fn name(&self) -> String {
        if self.implementation.is_empty() {
            return self.place.clone();
        }
        format!("{} {}", self.implementation, self.version).trim_end().to_owned()
    }

    /// One entry for each profile of the cases that were run. Profile scatter is for clients that
    /// declare it, and cadence for servers that offer ticks: no other is said to be judged by them,
    /// where there was something else to judge.
    #[must_use]
    pub fn by_profile(&self, cases: &[CaseReport]) -> Vec<Self> {
        let has = |profile: &Profile| cases.iter().any(|case| case.profile == profile.name());
        let mut profiles: Vec<_> = Profile::ALL.into_iter().filter(has).collect();
        let speaks = self.capabilities.iter().any(|one| one == Need::Scatter.name());
        let ticks = |case: &CaseReport| {
            case.profile == Profile::Cadence.name() && case.outcome != Outcome::Unsupported
        };
        if profiles.len() > 1 {
            profiles.retain(|profile| match profile {
                Profile::Core | Profile::Duplex => true,
                Profile::Scatter => speaks,
                Profile::Cadence => cases.iter().any(ticks),
            });
        }
        let mut entries: Vec<_> = profiles
            .into_iter()
            .map(|profile| Self { profile: profile.name().to_owned(), ..self.clone() })
            .collect();
        // It was proved once.
        entries.iter_mut().skip(1).for_each(|entry| entry.preflight.clear());
        if entries.is_empty() { vec![self.clone()] } else { entries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_cadence_is_named_where_ticks_are_offered() {
        let case = |profile: Profile, outcome| CaseReport {
            profile: profile.name().to_owned(),
            ..CaseReport::plain("x/y", Vec::new(), outcome)
        };
        let named = |outcome| {
            let cases = [case(Profile::Core, Outcome::Pass), case(Profile::Cadence, outcome)];
            TargetReport::default().by_profile(&cases).len()
        };
        assert_eq!(named(Outcome::Unsupported), 1);
        assert_eq!((named(Outcome::Pass), named(Outcome::Fail)), (2, 2));
    }

    #[test]
    fn profile_scatter_is_named_where_it_is_declared_or_alone() {
        let case = |profile: Profile| CaseReport {
            profile: profile.name().to_owned(),
            ..CaseReport::plain("x/y", Vec::new(), Outcome::Pass)
        };
        let (duplex, scatter) = (case(Profile::Duplex), case(Profile::Scatter));
        let both = [scatter.clone(), duplex];
        let mut target =
            TargetReport { preflight: vec!["it says no".into()], ..Default::default() };
        let named = |target: &TargetReport, cases: &[CaseReport]| {
            target.by_profile(cases).iter().map(|it| it.profile.clone()).collect::<Vec<_>>()
        };
        assert_eq!(named(&target, &both), ["duplex"]);
        assert_eq!(named(&target, &[scatter]), ["scatter"]);
        target.capabilities.push("scatter".to_owned());
        assert_eq!(named(&target, &both), ["duplex", "scatter"]);
        let proved: Vec<_> = target.by_profile(&both).iter().map(|it| it.preflight.len()).collect();
        assert_eq!(proved, [1, 0]);
        assert_eq!(target.by_profile(&[]), [target]);
    }
}
