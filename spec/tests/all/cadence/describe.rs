//! CADENCE-20: what a client takes as the ticks of a server.

use edgewise_proto::v1;
use edgewise_spec::cadence::TickMs;
use edgewise_spec::constants::DESCRIBE_LEN;
use edgewise_spec::frame::Class;
use edgewise_spec::link::describe::{Description, DescriptionRefused, Limits};
use edgewise_spec::suite::SuiteId;
use prost::Message as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::link::{NOW, server};

/// What a client makes of a server's Description with these ticks.
fn read(ticks: &[u32]) -> Result<Vec<u32>, DescriptionRefused> {
    let (identity, params) = server(&mut ChaCha20Rng::from_seed([8; 32]));
    let description = Description {
        identity_vk: identity.verifying_key(),
        epochs: vec![params.epochs.current(NOW).unwrap().record().clone()],
        suites: vec![SuiteId::Chacha20Poly1305],
        classes: Class::ALL.to_vec(),
        limits: Limits::default(),
        ticks: Vec::new(),
        edges: Vec::new(),
        access_required: false,
    };
    let block = description.to_block().unwrap();
    let len = usize::from(u16::from_be_bytes([block[0], block[1]]));
    let mut wire = v1::Description::decode(&block[2..2 + len]).unwrap();
    wire.ticks = ticks.to_vec();
    let encoded = wire.encode_to_vec();
    let mut block = u16::try_from(encoded.len()).unwrap().to_be_bytes().to_vec();
    block.extend(encoded);
    block.resize(DESCRIBE_LEN, 0);
    let read = Description::read(&block, &identity.fingerprint())?;
    Ok(read.ticks.into_iter().map(TickMs::millis).collect())
}

#[test]
fn ticks_are_of_the_list_and_ascend() {
    for good in [&[][..], &[300], &[300, 1_000, 300_000]] {
        assert_eq!(read(good).unwrap(), good);
    }
    for bad in [&[0][..], &[301], &[300, 300], &[1_000, 300], &[300, u32::MAX]] {
        assert_eq!(read(bad), Err(DescriptionRefused::Ticks), "{bad:?}");
    }
}
