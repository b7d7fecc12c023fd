//! What is proved of a client before its cases are run.

use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::{
    self as driver, ClientClock, ClientStart, Clock, CreateAddress, CreateInvitation, ExportProof,
    ExportState, Renew, RotateKeys, SessionMode, SetReceipts, ok,
};
use edgewise_spec::constants::SPEC_REVISION;

use super::folder::Folder;
use super::{cut, run::outcome_of};
use crate::case::{Need, Profile};
use crate::driver::{Client, ClientSource, Fault, Ready, Refused, Told};
use crate::outcome::Outcome;
use crate::peer::Class;
use crate::preflight::Preflight;

/// Starts a client, asks for what it cannot have, and ends it. One that cannot be started is left
/// to the cases.
pub(super) async fn of_client(source: &ClientSource) -> Option<(Preflight, Ready)> {
    let folder = Folder::make().ok()?;
    let start = ClientStart {
        spec_revision: SPEC_REVISION,
        clock: ClientClock::Control.into(),
        seed: vec![7; 32].into(),
        folder: folder.path().to_string_lossy().into_owned(),
    };
    let mut client = source.start(start).await.ok()?;
    let ready = client.ready.clone();
    let mut flight = Preflight::default();
    if ready.spec_revision != 0 {
        flight.revision(Profile::Duplex, ready.spec_revision);
    }
    flight.capabilities(Profile::Duplex, &ready.capabilities);
    if !flight.stranger {
        says_unsupported(&mut flight, &mut client).await;
    }
    client.kill().await;
    Some((flight, ready))
}

/// What is asked for where a capability is not declared; a client that has none of it needs no
/// contact to say so.
fn undeclared(client: &Client) -> Vec<(&'static str, Kind)> {
    let asked = [
        (Need::Clock, Kind::Clock(Clock { seconds: 0 })),
        (Need::State, Kind::ExportState(ExportState {})),
        (Need::Attested, Kind::ExportProof(ExportProof::default())),
        (Need::Address, Kind::CreateAddress(CreateAddress::default())),
        (Need::Receipts, Kind::SetReceipts(SetReceipts { delivered: true, read: false })),
        (Need::Move, Kind::RotateKeys(RotateKeys::default())),
        (Need::Standby, Kind::Renew(Renew::default())),
        (Need::Scatter, Kind::CreateInvitation(scattered())),
    ];
    let asked = asked.into_iter().filter(|(need, _)| !client.has(*need));
    asked.map(|(need, kind)| (need.name(), kind)).collect()
}

/// An invitation that is whole but for its k, so that nothing else is to be refused.
fn scattered() -> CreateInvitation {
    let nobody = "A".repeat(42);
    let servers =
        ["A", "B", "C", "D"].map(|one| format!("edgewise://{one}{nobody}@127.0.0.1:1?tls=off"));
    CreateInvitation {
        servers: servers.to_vec(),
        mode: SessionMode::Deniable.into(),
        link_class: Class::Small.code(),
        k: 4,
        carded: 1,
        name: "Nobody".to_owned(),
        ..CreateInvitation::default()
    }
}

async fn says_unsupported(flight: &mut Preflight, client: &mut Client) {
    let before = flight.faults.len();
    let strange = client.tell_strange().await;
    let mut going = judge(flight, "a Command of no kind that a revision has", strange);
    for (name, kind) in undeclared(client) {
        if !going {
            return;
        }
        let told = client.tell(kind).await;
        going = judge(flight, &format!("{name}, which is not declared"), told);
    }
    if flight.faults.len() == before {
        flight.proved("what it does not have is Unsupported");
    }
}

/// Judges one answer; false where the driver cannot be asked any more.
fn judge(flight: &mut Preflight, what: &str, told: Result<Told, Fault>) -> bool {
    let expected = format!("Unsupported for {what}");
    let (outcome, finding, going) = match told {
        Ok(Err(Refused::Unsupported(_))) => return true,
        Ok(Err(Refused::Reject(reject))) => {
            let code = reject.code().as_str_name();
            (Outcome::Fail, format!("Reject {code}: {}", reject.message), true)
        }
        Ok(Ok(kind)) => (Outcome::Fail, format!("Ok: {}", name(&kind)), true),
        Err(Fault::Driver(message)) => (Outcome::Fail, format!("DriverError: {message}"), true),
        Err(fault) => (outcome_of(&fault), fault.finding().1, false),
    };
    flight.fault("unsupported", Profile::Duplex, outcome, (expected, finding));
    going
}

fn name(kind: &ok::Kind) -> String {
    cut(&format!("{:?}", driver::Ok { kind: Some(kind.clone()) }))
}
