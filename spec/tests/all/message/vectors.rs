//! `conformance/vectors/message.json`: made here and in the modules below, checked here.

mod bodies;
mod contents;
mod statements;

use edgewise_spec::constants::SPEC_REVISION;
use edgewise_spec::session::Mode;
use serde::{Deserialize, Serialize};

use crate::audit::audit;
use crate::vector::{Vector, VectorFile, assert_current, load};

use bodies::{BodyInput, BodyOutput, EncodeInput, EncodeOutput};
use contents::{ContentInput, ContentOutput};
use statements::{
    AttestInput, ChainInput, ChainOutput, ProofInput, ProofOutput, Signed, StatementInput,
    StatementOutput,
};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Groups {
    body: Vec<Vector<BodyInput, BodyOutput>>,
    encode: Vec<Vector<EncodeInput, EncodeOutput>>,
    content: Vec<Vector<ContentInput, ContentOutput>>,
    statement: Vec<Vector<StatementInput, StatementOutput>>,
    attest: Vec<Vector<AttestInput, Signed>>,
    chain: Vec<Vector<ChainInput, ChainOutput>>,
    proof: Vec<Vector<ProofInput, ProofOutput>>,
}

fn mode(number: u8) -> Mode {
    Mode::try_from(number).unwrap()
}

fn made() -> VectorFile<Groups> {
    let flags = [
        ("Contradiction", "says two things of one message"),
        ("Empty", "an empty body"),
        ("Key", "a key that is not acceptable, or in the wrong mode"),
        ("Layout", "not the layout"),
        ("Limit", "at or beyond a greatest length"),
        ("Padding", "a byte that belongs to no field is not zero"),
        ("Pieces", "several pieces, or a number of them that does not follow from the length"),
        ("Signature", "a signature that does not verify"),
        ("Text", "a text that is not allowed"),
        ("Unknown", "a type that this revision does not know"),
    ];
    VectorFile {
        schema: "message.schema.json".to_owned(),
        word: "message".to_owned(),
        spec_revision: SPEC_REVISION,
        flags: flags.map(|(flag, meaning)| (flag.to_owned(), meaning.to_owned())).into(),
        groups: Groups {
            body: bodies::bodies(),
            encode: bodies::encodings(),
            content: contents::contents(),
            statement: statements::statements(),
            attest: statements::attested(),
            chain: statements::chains(),
            proof: statements::proofs(),
        },
    }
}

#[test]
fn the_file_is_current() {
    assert_current(&made());
}

#[test]
fn the_vectors_hold() {
    let groups = load::<Groups>("message").groups;
    groups.body.iter().for_each(|vector| vector.check(bodies::judge_body));
    groups.encode.iter().for_each(|vector| vector.check(bodies::judge_encode));
    groups.content.iter().for_each(|vector| vector.check(contents::judge));
    groups.statement.iter().for_each(|vector| vector.check(statements::judge_statement));
    groups.attest.iter().for_each(|vector| vector.check(statements::judge_attest));
    groups.chain.iter().for_each(|vector| vector.check(statements::judge_chain));
    groups.proof.iter().for_each(|vector| vector.check(statements::judge_proof));
}

#[test]
fn the_file_is_sound() {
    audit::<Groups>("message");
}
