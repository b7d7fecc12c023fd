//! The link from outside: both ends of a handshake, blocks, epochs, descriptions, addresses.

mod bounds;
mod end;
mod identity;
mod matrix;
mod vectors;

use edgewise_spec::error::LinkEnd;
use edgewise_spec::frame::Class;
use edgewise_spec::link::{
    Blocks, ClientHandshake, EpochWindow, HandshakeParams, IdentityKey, Progress, ServerHandshake,
};
use edgewise_spec::suite::SuiteId;
use edgewise_spec::time::Now;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// A server's identity and three epochs of 1,000 seconds, the second valid at [`NOW`].
pub(crate) fn server(rng: &mut ChaCha20Rng) -> (IdentityKey, HandshakeParams) {
    let identity = IdentityKey::generate(rng);
    let epoch = |number: u32, rng: &mut ChaCha20Rng| {
        let from = u64::from(number) * 1_000;
        identity.sign_epoch(number, from, from + 1_000, rng)
    };
    let epochs = EpochWindow::new([epoch(6, rng), epoch(7, rng), epoch(8, rng)]);
    let params = HandshakeParams {
        fingerprint: identity.fingerprint(),
        epochs,
        suites: [SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm].into(),
        classes: Class::ALL.into(),
        ticks: edgewise_spec::cadence::TickMs::all().collect(),
    };
    (identity, params)
}

/// A moment inside epoch 7.
pub(crate) const NOW: Now = Now::from_seconds(7_500);

/// Both ends of a confirmed link: client's, server's.
pub(crate) fn confirmed(
    suite: SuiteId,
    class: Class,
    rng: &mut ChaCha20Rng,
) -> (Box<Blocks>, Box<Blocks>) {
    let (_, params) = server(rng);
    let epoch = params.epochs.current(NOW).unwrap().record().clone();
    let (mut client, hello) = ClientHandshake::start(&epoch, suite, class, rng);
    let mut edge = ServerHandshake::new(NOW, 10);
    let mut reply = None;
    for block in hello {
        match edge.handle_block(&params, NOW, rng, &mut block.to_vec()).unwrap() {
            Progress::More => assert!(reply.is_none()),
            Progress::Reply(blocks) => reply = Some(blocks),
            Progress::Confirmed(_) => panic!("confirmed by a hello"),
        }
    }
    let mut ours = None;
    for block in reply.unwrap() {
        ours = client.handle_block(&block).unwrap();
    }
    let mut ours = ours.unwrap();
    let mut first = vec![0; class.block_len()];
    ours.sealer.seal(&mut first).unwrap();
    let Ok(Progress::Confirmed(theirs)) = edge.handle_block(&params, NOW, rng, &mut first) else {
        panic!("not confirmed");
    };
    (ours, theirs)
}

#[test]
fn both_ends_agree_in_every_class_and_suite() {
    for suite in [SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm] {
        for class in Class::ALL {
            let mut rng = ChaCha20Rng::from_seed([1; 32]);
            let (mut client, mut edge) = confirmed(suite, class, &mut rng);
            assert_eq!(client.transcript, edge.transcript);
            for n in 0..3 {
                let mut block = vec![n; class.block_len()];
                edge.sealer.seal(&mut block).unwrap();
                client.opener.open(&mut block).unwrap();
                assert!(block[..class.text_len()].iter().all(|byte| *byte == n));
                client.sealer.seal(&mut block).unwrap();
                edge.opener.open(&mut block).unwrap();
            }
        }
    }
}

#[test]
fn a_replayed_block_ends_the_link() {
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let (mut client, mut edge) = confirmed(SuiteId::Chacha20Poly1305, Class::Small, &mut rng);
    let mut block = vec![0; Class::Small.block_len()];
    client.sealer.seal(&mut block).unwrap();
    let mut replay = block.clone();
    edge.opener.open(&mut block).unwrap();
    let end = edge.opener.open(&mut replay).unwrap_err();
    assert_eq!(end, LinkEnd::Ours(edgewise_spec::error::GoodbyeCode::BlockSeal));
}
