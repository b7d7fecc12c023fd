//! Every primitive that Project Wycheproof has vectors for, on every backend of this build.

use edgewise_spec::suite::{
    SuiteId,
    accept::{ed25519, ml_kem, x25519},
};
use wycheproof::{TestResult, aead, eddsa, hkdf, mlkem, xdh};

use super::backend::{Backend, backends};

/// Runs `check` on every backend and asserts that it looked at `least` vectors or more on each.
fn on_each(least: usize, check: impl Fn(&Backend) -> usize) {
    for backend in backends() {
        let seen = check(&backend);
        assert!(seen >= least, "{}: {seen} vectors", backend.name);
    }
}

fn aead_set(backend: &Backend, suite: SuiteId, name: aead::TestName) -> usize {
    let set = aead::TestSet::load(name).unwrap();
    let sizes = |g: &&aead::TestGroup| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128);
    let mut seen = 0;
    for test in set.test_groups.iter().filter(sizes).flat_map(|group| &group.tests) {
        let (key, nonce) = (test.key[..].try_into().unwrap(), test.nonce[..].try_into().unwrap());
        let mut text = test.pt.to_vec();
        let tag = (backend.seal)(suite, key, nonce, &test.aad, &mut text);
        let sealed_alike = (&text[..], &tag[..]) == (&test.ct[..], &test.tag[..]);
        let given = test.tag[..].try_into().unwrap();
        let mut opened = test.ct.to_vec();
        let opens = (backend.open)(suite, key, nonce, &test.aad, &mut opened, given);
        match test.result {
            TestResult::Valid => {
                assert!(sealed_alike && opens, "{} {}", backend.name, test.tc_id);
                assert_eq!(opened, test.pt[..], "{} {}", backend.name, test.tc_id);
            }
            _ => assert!(!opens, "{} {}", backend.name, test.tc_id),
        }
        seen += 1;
    }
    seen
}

#[test]
fn chacha20_poly1305() {
    on_each(250, |b| aead_set(b, SuiteId::Chacha20Poly1305, aead::TestName::ChaCha20Poly1305));
}

#[test]
fn aes_256_gcm() {
    on_each(60, |b| {
        if !(b.aes_available)() {
            return usize::MAX;
        }
        aead_set(b, SuiteId::Aes256Gcm, aead::TestName::AesGcm)
    });
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let verdict = |b: &Backend, key: &[u8], message: &[u8], signature: &[u8]| {
        let (Ok(key), Ok(signature)) = (key.try_into(), <&[u8; 64]>::try_from(signature)) else {
            return false;
        };
        let (point, scalar) = signature.split_first_chunk().unwrap();
        ed25519::point_is_canonical(key)
            && !ed25519::point_is_small_order(key)
            && ed25519::scalar_is_canonical(scalar.try_into().unwrap())
            && ed25519::point_is_canonical(point)
            && !ed25519::point_is_small_order(point)
            && (b.verify)(key, message, signature)
    };
    on_each(140, |b| {
        let mut seen = 0;
        for group in &set.test_groups {
            for test in &group.tests {
                let valid = verdict(b, &group.key.pk, &test.msg, &test.sig);
                let expected = test.result == TestResult::Valid;
                assert_eq!(valid, expected, "{} {}", b.name, test.tc_id);
                seen += 1;
            }
        }
        seen
    });
}

#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    on_each(500, |b| {
        let mut seen = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let Ok(public) = test.public_key[..].try_into() else {
                assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
                continue;
            };
            let shared = (b.x25519)(test.private_key[..].try_into().unwrap(), public);
            // "Acceptable" there are odd encodings, which we accept, and zeros, which we refuse.
            let zero = test.shared_secret.iter().all(|byte| *byte == 0);
            let expected = (!zero).then(|| test.shared_secret[..].try_into().unwrap());
            assert_eq!(shared, expected, "{} {}", b.name, test.tc_id);
            assert_eq!(x25519::is_low_order(public), zero, "{} {}", b.name, test.tc_id);
            seen += 1;
        }
        seen
    });
}

#[test]
fn hkdf_sha256() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    on_each(80, |b| {
        let mut seen = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            if test.size > edgewise_spec::suite::DERIVE_LEN_MAX {
                assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
                continue;
            }
            let mut out = vec![0; test.size];
            (b.hkdf)(&test.salt, &[&test.ikm], &[&test.info], &mut out);
            assert_eq!(out, test.okm[..], "{} {}", b.name, test.tc_id);
            seen += 1;
        }
        seen
    });
}

fn ml_kem_tests(name: mlkem::TestName) -> Vec<mlkem::Test> {
    let set = mlkem::TestSet::load(name).unwrap();
    set.test_groups.into_iter().flat_map(|group| group.tests).collect()
}

#[test]
fn ml_kem_768_from_seeds() {
    let mut tests = ml_kem_tests(mlkem::TestName::MlKem768);
    tests.extend(ml_kem_tests(mlkem::TestName::MlKem768KeyGenSeed));
    on_each(100, |b| {
        let mut seen = 0;
        for test in &tests {
            let Ok(seed) = test.seed.as_ref().unwrap()[..].try_into() else {
                assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
                continue;
            };
            let ek = test.encaps_key.as_ref().map(|ek| &ek[..]);
            let public = (b.ml_kem_public)(seed);
            assert!(ek.is_none_or(|ek| ek == public), "{} {}", b.name, test.tc_id);
            let Some(ciphertext) = &test.ct else {
                seen += 1;
                continue;
            };
            let Ok(ciphertext) = ciphertext[..].try_into() else {
                assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
                continue;
            };
            let secret = (b.ml_kem_decapsulate)(seed, ciphertext);
            let expected = test.shared_secret.as_ref().unwrap();
            let alike = secret[..] == expected[..];
            assert_eq!(alike, test.result == TestResult::Valid, "{} {}", b.name, test.tc_id);
            seen += 1;
        }
        seen
    });
}

#[test]
fn ml_kem_768_encapsulation() {
    let tests = ml_kem_tests(mlkem::TestName::MlKem768Encaps);
    on_each(50, |b| {
        let mut seen = 0;
        for test in &tests {
            let Ok(ek) = test.encaps_key.as_ref().unwrap()[..].try_into() else {
                assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
                continue;
            };
            let valid = test.result == TestResult::Valid;
            assert_eq!(ml_kem::coefficients_are_reduced(ek), valid, "{}", test.tc_id);
            if valid {
                let message = test.msg.as_ref().unwrap()[..].try_into().unwrap();
                let (ciphertext, secret) = (b.ml_kem_encapsulate)(ek, message);
                assert_eq!(ciphertext[..], test.ct.as_ref().unwrap()[..], "{}", test.tc_id);
                assert_eq!(secret[..], test.shared_secret.as_ref().unwrap()[..], "{}", test.tc_id);
            }
            seen += 1;
        }
        seen
    });
}
