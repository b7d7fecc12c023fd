//! The fuzz targets' corpus, replayed without a fuzzer; its seeds are made here.

#[path = "../../../fuzz/src/judge.rs"]
mod judge;

use std::path::PathBuf;

use edgewise_proto::v1;
use edgewise_spec::constants::BUNDLE_LEN;
use prost::Message;
use serde_json::Value;

use crate::vector::pattern;

/// A target's name, and what it does with its bytes.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 18] = [
    ("frame_read", judge::frame_read),
    ("address", judge::address),
    ("description", judge::description),
    ("epoch_record", judge::epoch_record),
    ("hello", judge::hello),
    ("reply", judge::reply),
    ("create_body", judge::create_body),
    ("accept", judge::accept),
    ("card", judge::card),
    ("bundle", judge::bundle),
    ("descriptor", judge::descriptor),
    ("session_cell", judge::session_cell),
    ("session_state", judge::session_state),
    ("message_body", judge::message_body),
    ("message_content", judge::message_content),
    ("message_proof", judge::message_proof),
    ("scatter_part", judge::scatter_part),
    ("scatter_join", judge::scatter_join),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn vectors(word: &str, group: &str) -> Vec<Value> {
    let path = root().join(format!("conformance/vectors/{word}.json"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["groups"][group].as_array().unwrap().clone()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// Seeds of a target: name and bytes.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let from = |word, group, take: &dyn Fn(&Value) -> Vec<u8>| -> Vec<(String, Vec<u8>)> {
        let name =
            |vector: &Value| vector["id"].as_str().unwrap().split('/').nth(1).unwrap().to_owned();
        vectors(word, group).iter().map(|v| (name(v), take(&v["input"]))).collect()
    };
    let class = |input: &Value| (input["class"].as_u64().unwrap() - 1) as u8;
    let mode = |input: &Value| (input["mode"].as_u64().unwrap() - 1) as u8;
    match target {
        "frame_read" => from("frame", "read", &|input| {
            let end = u8::from(input["from"] == "server");
            [&[class(input) << 1 | end], &bytes(&input["front"])[..]].concat()
        }),
        "address" => {
            from("link", "address", &|input| input["text"].as_str().unwrap().as_bytes().to_vec())
        }
        "description" => from("link", "description", &|input| bytes(&input["front"])),
        "epoch_record" => from("link", "epoch_record", &|input| bytes(&input["record"])),
        "hello" => {
            from("link", "hello", &|input| [&[class(input)], &bytes(&input["hello"])[..]].concat())
        }
        "reply" => vec![
            ("honest-small".to_owned(), vec![0]),
            ("honest-medium".to_owned(), vec![1]),
            ("honest-large".to_owned(), vec![2]),
            ("ciphertext".to_owned(), vec![1, 1]),
            ("confirmation".to_owned(), [vec![1], vec![0; 1_151], vec![1]].concat()),
            ("padding".to_owned(), [vec![0], vec![0; 2_047], vec![1]].concat()),
        ],
        "create_body" => create_bodies(),
        "accept" => acceptances(),
        "card" => {
            from("invitation", "card", &|input| input["text"].as_str().unwrap().as_bytes().to_vec())
        }
        "bundle" => from("invitation", "bundle", &|input| bytes(&input["bytes"])),
        "descriptor" => from("invitation", "descriptor", &|input| bytes(&input["bytes"])),
        "session_cell" => session_cells(),
        "session_state" => {
            let names = ["invited", "answering", "claimed", "waiting"];
            names.map(str::to_owned).into_iter().zip(judge::sessions()).collect()
        }
        "message_body" => {
            from("message", "body", &|input| [&[mode(input)], &bytes(&input["body"])[..]].concat())
        }
        "message_content" => from("message", "content", &|input| {
            let kind = input["type"].as_u64().unwrap() as u16;
            [&[mode(input)], &kind.to_be_bytes()[..], &bytes(&input["content"])].concat()
        }),
        "message_proof" => from("message", "proof", &|input| bytes(&input["proof"])),
        "scatter_part" => parts(),
        "scatter_join" => joins(),
        other => panic!("{other}"),
    }
}

/// Honest parts, and each fault: a byte for who is at fault, then what is laid over.
fn parts() -> Vec<(String, Vec<u8>)> {
    let at = |choice: u8, place: usize| {
        let mut seed = vec![0; place + 2];
        seed[0] = choice;
        seed[place + 1] = 0x40;
        seed
    };
    let mut seeds = vec![
        ("honest".to_owned(), vec![0]),
        ("long".to_owned(), vec![0; 3_922]),
        ("peer-honest".to_owned(), vec![1]),
        ("peer-fragment".to_owned(), at(1, 40)),
        ("peer-seal".to_owned(), at(1, 3_855)),
    ];
    for (name, place) in [("tag", 0), ("fragment", 16), ("share", 3_880), ("seal", 3_919)] {
        seeds.push((name.to_owned(), at(0, place)));
    }
    seeds
}

/// Parts that join and such that do not: place, place in it, what is altered.
fn joins() -> Vec<(String, Vec<u8>)> {
    let seeds: [(&str, &[[u8; 4]]); 6] = [
        ("honest", &[[0, 0, 0, 0], [5, 0, 0, 0], [2, 0, 0, 0], [4, 0, 0, 0]]),
        ("few", &[[0, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0]]),
        ("twice", &[[0, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0], [2, 0, 0, 0]]),
        ("apart", &[[0, 0, 0, 0], [1, 3, 16, 1], [2, 0, 0, 0], [4, 0, 0, 0]]),
        ("wrong", &[[0, 0, 0, 0], [1, 0, 9, 1], [2, 0, 0, 0], [4, 0, 0, 0], [3, 0, 0, 0]]),
        ("no-place", &[[7, 0, 0, 0], [1, 0, 0, 0], [6, 0, 0, 0], [4, 0, 0, 0], [3, 0, 0, 0]]),
    ];
    seeds.map(|(name, parts)| (name.to_owned(), parts.concat())).into()
}

fn create_bodies() -> Vec<(String, Vec<u8>)> {
    let key = v1::KeyRecord {
        vk: judge::recipient().verifying_key().as_bytes().to_vec().into(),
        version: 1,
        not_before: 999,
        not_after: 1_999,
        grace: 24,
    };
    let open = v1::CreateBody {
        recipient_id: pattern::<32>("id").to_vec().into(),
        recipient_key: Some(key.clone()),
        claim_vk: key.vk.clone(),
        state: v1::State::Open.into(),
        sender_key: None,
        link_class: 2,
        kind: v1::Kind::Contact.into(),
        quota: 128,
        idle_days: 30,
        part_days: 21,
        bundle: vec![7; BUNDLE_LEN].into(),
    };
    let state = v1::State::Claimed.into();
    let claimed =
        v1::CreateBody { state, sender_key: Some(key), bundle: [].as_ref().into(), ..open.clone() };
    let lists = v1::CreateBody { quota: 129, ..claimed.clone() };
    vec![
        ("open".to_owned(), open.encode_to_vec()),
        ("claimed".to_owned(), claimed.encode_to_vec()),
        ("quota".to_owned(), lists.encode_to_vec()),
        ("cut".to_owned(), claimed.encode_to_vec()[..40].to_vec()),
    ]
}

/// The honest cell of each place, and faults in each of its fields.
fn session_cells() -> Vec<(String, Vec<u8>)> {
    let places = [("box", 0_u16), ("numbers", 2_340), ("commitment", 2_370), ("body", 2_500)];
    let mut seeds = Vec::new();
    for (choice, end) in ["first", "skipped", "answer", "next-step"].into_iter().enumerate() {
        let choice = choice as u8;
        seeds.push((format!("{end}-honest"), vec![choice, 0, 0]));
        seeds.push((format!("{end}-other-number"), vec![choice + 4, 0, 0]));
        for (name, place) in places {
            let place = place.to_be_bytes();
            seeds.push((format!("{end}-{name}"), vec![choice, place[0], place[1], 0, 0, 0, 0]));
        }
        let last = 3_119_u16.to_be_bytes();
        seeds.push((format!("{end}-longer"), vec![choice, last[0], last[1], 0, 0]));
    }
    seeds
}

/// Honest ones, each with its fault, and every point at the edges of the rules.
fn acceptances() -> Vec<(String, Vec<u8>)> {
    const HONEST: u8 = 0x80;
    let flipped = |choice: u8, place: usize, bits: u8| {
        let mut seed = vec![0; place + 2];
        seed[0] = HONEST | choice;
        seed[place + 1] = bits;
        seed
    };
    let mut low_u = vec![0; 1 + 1_216];
    low_u[0] = 2;
    let mut low_ct = vec![0; 1 + 1_120];
    low_ct[0] = 3;
    let mut seeds = vec![
        ("honest-key".to_owned(), vec![HONEST]),
        ("honest-signature".to_owned(), vec![HONEST | 1]),
        ("honest-encapsulation-key".to_owned(), vec![HONEST | 2]),
        ("honest-ciphertext".to_owned(), vec![HONEST | 3]),
        ("short-key".to_owned(), [vec![0], vec![7; 31]].concat()),
        ("signature-point".to_owned(), flipped(1, 32, 1)),
        ("signature-scalar".to_owned(), flipped(1, 95, 0xf0)),
        ("signature-message".to_owned(), flipped(1, 96, 1)),
        ("encapsulation-key-modulus".to_owned(), flipped(2, 1, 0x0f)),
        ("encapsulation-key-point".to_owned(), flipped(2, 1_184, 1)),
        ("encapsulation-key-zero".to_owned(), low_u),
        ("ciphertext-bit".to_owned(), flipped(3, 7, 1)),
        ("ciphertext-point".to_owned(), flipped(3, 1_088, 1)),
        ("ciphertext-zero".to_owned(), low_ct),
    ];
    let edges = root().join("spec/tests/data/ed25519-edges.json");
    let edges: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(edges).unwrap()).unwrap();
    for edge in &edges {
        let id = edge["id"].as_str().unwrap();
        let fields = ["public", "signature", "message"].map(|field| bytes(&edge[field]));
        seeds.push((id.to_owned(), [vec![1], fields.concat()].concat()));
        seeds.push((format!("{id}-key"), [vec![0], fields[0].clone()].concat()));
    }
    seeds
}

#[test]
fn the_corpus_is_judged() {
    for (target, judge) in TARGETS {
        let folder = root().join("fuzz/corpus").join(target);
        if std::env::var_os("UPDATE_VECTORS").is_some_and(|value| value == "1") {
            std::fs::create_dir_all(&folder).unwrap();
            for (name, bytes) in seeds(target) {
                std::fs::write(folder.join(name), bytes).unwrap();
            }
        }
        for (name, bytes) in seeds(target) {
            let kept = std::fs::read(folder.join(&name)).unwrap_or_default();
            assert!(kept == bytes, "{target}/{name} is stale: UPDATE_VECTORS=1 writes it");
        }
        for file in std::fs::read_dir(&folder).unwrap() {
            judge(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}

/// Each judge that is replayed here is also a target.
#[test]
fn every_target_is_known_to_the_fuzzer() {
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for (target, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
        let program = format!("fuzz/fuzz_targets/{target}.rs");
        let program = std::fs::read_to_string(root().join(program)).unwrap();
        assert!(program.contains(&format!("judge::{target}(data)")), "{target}");
    }
}
