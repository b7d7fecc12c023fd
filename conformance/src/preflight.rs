//! What is proved before a case is run: that the implementation is of this revision, and that it
//! says so where it cannot do something. Without that, *unsupported* would be worth nothing.

use std::collections::BTreeSet;

use edgewise_spec::constants::SPEC_REVISION;

use crate::case::{Need, Profile};
use crate::cases;
use crate::outcome::Outcome;
use crate::peer::{Http, Trace};
use crate::program::select;
use crate::report::CaseReport;
use crate::target::{Target, read_description};

/// Methods that no revision has.
const STRANGE: [&str; 2] =
    ["/edgewise.conformance.v1.ConformanceControl/Levitate", "/edgewise.v1.LinkService/Levitate"];
/// gRPC's status of a method that is not there.
const UNIMPLEMENTED: u32 = 12;

/// What the preflight of one implementation came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preflight {
    /// What was proved.
    pub proved: Vec<String>,
    /// What was not, one entry a probe.
    pub faults: Vec<CaseReport>,
    /// It is of another revision, so that no case says anything about it.
    pub stranger: bool,
}

impl Preflight {
    pub(crate) fn proved(&mut self, what: impl Into<String>) {
        self.proved.push(what.into());
    }

    pub(crate) fn fault(
        &mut self,
        probe: &str,
        profile: Profile,
        outcome: Outcome,
        finding: (String, String),
    ) {
        let (expected, actual) = finding;
        self.faults.push(CaseReport {
            profile: profile.name().to_owned(),
            expected: Some(expected),
            actual: Some(actual),
            ..CaseReport::plain(&format!("preflight/{probe}"), Vec::new(), outcome)
        });
    }

    /// Compares the revision that an implementation says it is of.
    pub(crate) fn revision(&mut self, profile: Profile, revision: u32) {
        if revision == SPEC_REVISION {
            return self.proved(format!("it is of revision {SPEC_REVISION}"));
        }
        let expected = format!("revision {SPEC_REVISION} of the specification");
        let actual = format!("revision {revision}: a suite of that revision judges it");
        self.stranger = true;
        self.fault("revision", profile, Outcome::Fail, (expected, actual));
    }

    /// Looks for capabilities that nobody knows: most are misspelt, and would leave cases unsupported.
    pub(crate) fn capabilities(&mut self, profile: Profile, declared: &[String]) {
        let client = profile.is_for_clients();
        let cases = cases::all().filter(|case| case.profile().is_for_clients() == client);
        let needs = cases.flat_map(|case| case.needs).copied();
        // No case needs an export of a state yet, and driver.proto has it.
        let needs = needs.chain(client.then_some(Need::State));
        let known: BTreeSet<&str> = needs.map(Need::name).collect();
        let known: Vec<&str> = known.into_iter().collect();
        for strange in declared.iter().filter(|one| !known.contains(&one.as_str())) {
            let near = select::near(strange, &known).first().copied().unwrap_or_default();
            let finding = (
                format!("capabilities among {}", known.join(", ")),
                format!("{strange:?}; perhaps {near:?} is meant"),
            );
            self.fault("capabilities", profile, Outcome::Warn, finding);
        }
    }
}

/// Proves what has to be proved of a server. One that cannot be reached, or that describes itself in
/// no way of this revision, is left to the cases.
pub(crate) async fn of_server(target: &Target, trace: &Trace) -> Preflight {
    let mut flight = Preflight::default();
    let block = target.describe_block(trace).await;
    if let Ok(description) = block.and_then(|block| read_description(&block)) {
        flight.revision(Profile::Core, description.revision);
    }
    flight.capabilities(Profile::Core, &target.capabilities);
    if let Ok(http) = Http::connect(&target.address).await {
        says_unsupported(&mut flight, target, &http, trace).await;
    }
    flight
}

async fn says_unsupported(flight: &mut Preflight, target: &Target, http: &Http, trace: &Trace) {
    let before = flight.faults.len();
    for path in STRANGE {
        let expected = format!("UNIMPLEMENTED for {path}, which no revision has");
        let actual = match http.unary(path, &[], trace).await {
            Ok(Err(ending)) if ending.status == Some(UNIMPLEMENTED) => continue,
            Ok(Err(ending)) => ending.to_string(),
            Ok(Ok(answer)) => format!("an answer of {} bytes, and status OK", answer.len()),
            Err(stop) => stop.words(),
        };
        flight.fault("unsupported", Profile::Core, Outcome::Fail, (expected, actual));
    }
    for need in [Need::Clock, Need::Restart] {
        if !target.has(need) && !target.canary(need, trace).await {
            let name = need.name();
            let expected = format!("UNIMPLEMENTED for {name}, which is not declared");
            let finding = (expected, "another answer".to_owned());
            flight.fault("unsupported", Profile::Core, Outcome::Fail, finding);
        }
    }
    if flight.faults.len() == before {
        flight.proved("what it does not have is UNIMPLEMENTED");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_revision_and_a_misspelt_capability_are_told() {
        let mut flight = Preflight::default();
        flight.revision(Profile::Core, SPEC_REVISION);
        flight.capabilities(Profile::Core, &["clock".to_owned(), "full".to_owned()]);
        assert_eq!((flight.proved.len(), flight.faults.len(), flight.stranger), (1, 0, false));
        flight.revision(Profile::Duplex, SPEC_REVISION + 1);
        flight.capabilities(Profile::Duplex, &["clokc".to_owned(), "state".to_owned()]);
        assert!(flight.stranger);
        let told: Vec<_> =
            flight.faults.iter().map(|fault| (&fault.id[..], fault.outcome)).collect();
        let wanted =
            [("preflight/revision", Outcome::Fail), ("preflight/capabilities", Outcome::Warn)];
        assert_eq!(told, wanted);
        assert!(flight.faults[0].actual.as_deref().unwrap().starts_with("revision 2"));
        assert!(flight.faults[1].actual.as_deref().unwrap().contains("\"clock\""));
    }
}
