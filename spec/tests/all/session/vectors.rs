//! `conformance/vectors/session.json`: made here, checked here.

mod cells;
mod derivations;

use edgewise_spec::constants::SPEC_REVISION;
use serde::{Deserialize, Serialize};

use crate::audit::audit;
use crate::vector::{Vector, VectorFile, assert_current, load};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Groups {
    start: Vec<Vector<derivations::StartInput, derivations::StartOutput>>,
    step: Vec<Vector<derivations::StepInput, derivations::StepOutput>>,
    chain: Vec<Vector<derivations::ChainInput, derivations::ChainOutput>>,
    message: Vec<Vector<derivations::MessageInput, derivations::MessageOutput>>,
    header: Vec<Vector<derivations::HeaderInput, derivations::HeaderOutput>>,
    safety: Vec<Vector<derivations::SafetyInput, derivations::SafetyOutput>>,
    cell: Vec<Vector<cells::SealInput, cells::SealOutput>>,
    open: Vec<Vector<cells::OpenInput, cells::OpenOutput>>,
}

fn made() -> VectorFile<Groups> {
    let flags = [
        ("Shape", "Of another length."),
        ("Number", "The cell's number does not fit."),
        ("Header", "A header that does not open, or does not fit."),
        ("Key", "A key or a ciphertext that is not acceptable."),
        ("Commitment", "Sealed under another key than the one committed to."),
        ("Body", "The body does not open."),
    ];
    VectorFile {
        schema: "session.schema.json".to_owned(),
        word: "session".to_owned(),
        spec_revision: SPEC_REVISION,
        flags: flags.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
        groups: Groups {
            start: derivations::starts(),
            step: derivations::steps(),
            chain: derivations::chains(),
            message: derivations::messages(),
            header: derivations::headers(),
            safety: derivations::safeties(),
            cell: cells::seals(),
            open: cells::opens(),
        },
    }
}

#[test]
fn the_file_is_what_is_made_here() {
    let made = made();
    assert_current(&made);
}

#[test]
fn the_file_is_sound() {
    audit::<Groups>("session");
}

#[test]
fn every_vector_holds() {
    let Groups { start, step, chain, message, header, safety, cell, open } =
        load::<Groups>("session").groups;
    start.iter().for_each(|vector| vector.check(derivations::start));
    step.iter().for_each(|vector| vector.check(derivations::step));
    chain.iter().for_each(|vector| vector.check(derivations::chain));
    message.iter().for_each(|vector| vector.check(derivations::message));
    header.iter().for_each(|vector| vector.check(derivations::header));
    safety.iter().for_each(|vector| vector.check(derivations::safety));
    cell.iter().for_each(|vector| vector.check(cells::seal));
    for vector in &open {
        // What refuses is not told: that it is refused is all there is to see.
        let layer = cells::layer(vector.expect_layer.as_deref());
        vector.check(|input| cells::open(input).ok_or(layer));
    }
}
