//! The backends against each other, byte for byte, on random inputs. Needs both.
#![cfg(all(feature = "aws-lc", feature = "sodium"))]

use edgewise_spec::suite::SuiteId;
use proptest::{
    array::{uniform12, uniform32},
    collection::vec,
    prelude::*,
};

use super::backend::{Backend, backends};

fn both() -> [Backend; 2] {
    backends().try_into().ok().unwrap()
}

/// The result of `function` on both backends, which must be one.
fn agreed<T: PartialEq + std::fmt::Debug>(function: impl Fn(&Backend) -> T) -> T {
    let [first, second] = both().map(|backend| function(&backend));
    assert_eq!(first, second);
    first
}

fn suites() -> impl Strategy<Value = SuiteId> {
    let aes = both().iter().all(|backend| (backend.aes_available)());
    prop_oneof![
        Just(SuiteId::Chacha20Poly1305),
        Just(if aes { SuiteId::Aes256Gcm } else { SuiteId::Chacha20Poly1305 }),
    ]
}

fn long<const N: usize>() -> impl Strategy<Value = [u8; N]> {
    vec(any::<u8>(), N).prop_map(|bytes| bytes.try_into().unwrap())
}

fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(any::<u8>(), 0..200), 0..5)
}

fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}

/// Encoded points: any, and the edges of the rules, so that signatures of these are compared too.
fn points() -> impl Strategy<Value = [u8; 32]> {
    let edge = (any::<bool>(), 0..40_u8).prop_map(|(sign, y)| {
        let mut point = [0xff; 32];
        point[0] = 0xdc_u8.wrapping_add(y);
        if y > 30 {
            point = [0; 32];
            point[0] = y - 31;
        }
        point[31] = (point[31] & 0x7f) | (u8::from(sign) << 7);
        point
    });
    let seed = uniform32(any::<u8>()).prop_map(|seed| (both()[0].public)(&seed));
    prop_oneof![edge, seed, uniform32(any::<u8>())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn hash(parts in parts()) {
        agreed(|b| (b.hash)(&slices(&parts)));
    }

    #[test]
    fn hkdf(salt in vec(any::<u8>(), 0..100), secret in parts(), info in parts(), len in 0..400_usize) {
        let out = agreed(|b| {
            let mut out = vec![0; len];
            (b.hkdf)(&salt, &slices(&secret), &slices(&info), &mut out);
            out
        });
        prop_assert!(len < 8 || out.iter().any(|byte| *byte != 0));
    }

    #[test]
    fn seal_and_open(
        suite in suites(),
        key in uniform32(any::<u8>()),
        nonce in uniform12(any::<u8>()),
        ad in vec(any::<u8>(), 0..300),
        text in vec(any::<u8>(), 0..17_000),
        flip in any::<prop::sample::Index>(),
    ) {
        let (sealed, tag) = agreed(|b| {
            let mut sealed = text.clone();
            let tag = (b.seal)(suite, &key, &nonce, &ad, &mut sealed);
            (sealed, tag)
        });
        let opened = agreed(|b| {
            let mut opened = sealed.clone();
            (b.open)(suite, &key, &nonce, &ad, &mut opened, &tag).then_some(opened)
        });
        prop_assert_eq!(opened, Some(text));

        let mut whole = [sealed.as_slice(), &tag].concat();
        let bit = flip.index(whole.len() * 8);
        whole[bit / 8] ^= 1 << (bit % 8);
        let (altered, altered_tag) = whole.split_last_chunk().unwrap();
        let opens =
            agreed(|b| (b.open)(suite, &key, &nonce, &ad, &mut altered.to_vec(), altered_tag));
        prop_assert!(!opens);
    }

    #[test]
    fn sign_and_verify(
        seed in uniform32(any::<u8>()),
        message in vec(any::<u8>(), 0..500),
        flip in 0..(96 * 8_usize),
    ) {
        let public = agreed(|b| (b.public)(&seed));
        let signature = agreed(|b| (b.sign)(&seed, &message));
        let verifies = agreed(|b| (b.verify)(&public, &message, &signature));
        prop_assert!(verifies);

        let mut both = [public.as_slice(), &signature].concat();
        both[flip / 8] ^= 1 << (flip % 8);
        let (public, signature) = both.split_first_chunk().unwrap();
        let signature = signature.try_into().unwrap();
        let verifies = agreed(|b| (b.verify)(public, &message, signature));
        prop_assert!(!verifies);
    }

    /// The rules let only some encodings through; of those, the backends judge alike.
    #[test]
    fn verify_at_the_edges(
        key in points(),
        point in points(),
        mut scalar in uniform32(any::<u8>()),
        message in vec(any::<u8>(), 0..50),
    ) {
        scalar[31] &= 0x0f;
        use edgewise_spec::suite::accept::ed25519;
        let accepted = |p| ed25519::point_is_canonical(p) && !ed25519::point_is_small_order(p);
        prop_assume!(accepted(&key) && accepted(&point) && ed25519::scalar_is_canonical(&scalar));
        let signature = [point, scalar].concat().try_into().unwrap();
        agreed(|b| (b.verify)(&key, &message, &signature));
    }

    #[test]
    fn x25519(secret in uniform32(any::<u8>()), public in points()) {
        use edgewise_spec::suite::accept::x25519;
        let shared = agreed(|b| (b.x25519)(&secret, &public));
        prop_assert_eq!(shared.is_none(), x25519::is_low_order(&public));
    }

    #[test]
    fn ml_kem(seed in long::<64>(), message in uniform32(any::<u8>()), junk in long::<1_088>()) {
        let public = agreed(|b| (b.ml_kem_public)(&seed));
        let (ciphertext, secret) = agreed(|b| (b.ml_kem_encapsulate)(&public, &message));
        prop_assert_eq!(agreed(|b| (b.ml_kem_decapsulate)(&seed, &ciphertext)), secret);
        prop_assert_ne!(agreed(|b| (b.ml_kem_decapsulate)(&seed, &junk)), secret);
    }

    #[test]
    fn x_wing(seed in uniform32(any::<u8>()), eseed in long::<64>(), flip in 0..(1_120 * 8_usize)) {
        let public = agreed(|b| (b.x_wing_public)(&seed));
        let (mut ciphertext, secret) = agreed(|b| (b.x_wing_encapsulate)(&public, &eseed));
        prop_assert_eq!(agreed(|b| (b.x_wing_decapsulate)(&seed, &ciphertext)), Some(secret));
        ciphertext[flip / 8] ^= 1 << (flip % 8);
        let other = agreed(|b| (b.x_wing_decapsulate)(&seed, &ciphertext));
        prop_assert_ne!(other, Some(secret));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn argon2id(
        password in vec(any::<u8>(), 0..100),
        salt in long::<16>(),
        memory in 0..200_u32,
        passes in 0..4_u32,
    ) {
        let out = agreed(|b| {
            let mut out = [0; 32];
            (b.argon2id)(&password, &salt, memory, passes, &mut out).map(|()| out)
        });
        prop_assert_eq!(out.is_none(), memory < 8 || passes == 0);
    }
}
