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

const TARGETS: [Target; 7] = [
    ("frame_read", judge::frame_read),
    ("address", judge::address),
    ("description", judge::description),
    ("epoch_record", judge::epoch_record),
    ("hello", judge::hello),
    ("reply", judge::reply),
    ("create_body", judge::create_body),
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
        other => panic!("{other}"),
    }
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
