//! Chapter suite.

use edgewise_spec::suite::{
    self, Decapsulator, Encapsulator, KeyRefused, Sealer, SignatureRefused, SigningKey, SuiteId,
    VerifyingKey,
};
use serde_json::json;

use super::input::{Input, No, hex, strange};
use super::{Answered, Operation};

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "hash" => hash,
        "lp" => lp,
        "derive" => derive,
        "open" => open,
        "argon2id" => argon2id,
        "sign" => sign,
        "verifying_key" => verifying_key,
        "verify" => verify,
        "x_wing_key" => x_wing_key,
        "encapsulation_key" => encapsulation_key,
        "decapsulate" => decapsulate,
        _ => return None,
    })
}

fn hash(input: Input<'_>) -> Answered {
    Ok(json!({ "digest": hex(suite::hash(&[&input.bytes("message")?])) }))
}

fn lp(input: Input<'_>) -> Answered {
    Ok(json!({ "encoded": hex(suite::lp(input.text("label")?)) }))
}

/// The suite here is a salt and no AEAD, so both are derived from everywhere.
fn derive(input: Input<'_>) -> Answered {
    let suite = SuiteId::try_from(input.number::<u16>("suite")?).map_err(strange)?;
    let (secret, label, context) =
        (input.bytes("secret")?, input.text("label")?, input.bytes("context")?);
    fn filled<const N: usize>(fill: impl FnOnce(&mut [u8; N])) -> Vec<u8> {
        let mut out = [0; N];
        fill(&mut out);
        out.to_vec()
    }
    // The length is known where keys are derived, and part of the type.
    macro_rules! of {
        ($($length:literal)*) => {
            match input.number("length")? {
                $($length => filled::<$length>(|out| {
                    suite::derive(suite, &[&secret], label, &[&context], out);
                }),)*
                other => {
                    let why = format!("keys of {other} bytes are not derived here");
                    return Err(No::Unsupported(why));
                }
            }
        };
    }
    let output: Vec<u8> = of!(12 32 33 64 76 96 8160);
    Ok(json!({ "output": hex(output) }))
}

fn open(input: Input<'_>) -> Answered {
    let sealer = Sealer::new(input.suite()?, &input.array("key")?);
    let (nonce, ad, sealed) = (input.array("nonce")?, input.bytes("ad")?, input.bytes("sealed")?);
    let (text, tag) = sealed.split_last_chunk().ok_or("tag")?;
    let mut text = text.to_vec();
    sealer.open(&nonce, &ad, &mut text, tag).map_err(|_| "tag")?;
    Ok(json!({ "text": hex(text) }))
}

fn argon2id(input: Input<'_>) -> Answered {
    let (password, salt) = (input.bytes("password")?, input.array("salt")?);
    let (memory, passes) = (input.number("memory_kib")?, input.number("passes")?);
    let mut out = [0; 32];
    suite::argon2id(&password, &salt, memory, passes, &mut out).map_err(|_| "parameters")?;
    Ok(json!({ "output": hex(out) }))
}

fn sign(input: Input<'_>) -> Answered {
    let key = SigningKey::from_seed(&input.array("seed")?);
    let signature = key.sign(&input.bytes("message")?);
    Ok(json!({ "public": hex(key.verifying_key().as_bytes()), "signature": hex(signature) }))
}

fn layer_of_key(refused: KeyRefused) -> &'static str {
    match refused {
        KeyRefused::Length => "key-length",
        KeyRefused::NotCanonical => "key-encoding",
        KeyRefused::SmallOrder => "key-order",
        KeyRefused::Modulus => "key-modulus",
    }
}

fn verifying_key(input: Input<'_>) -> Answered {
    VerifyingKey::parse(&input.bytes("public")?).map_err(layer_of_key)?;
    Ok(json!({}))
}

fn verify(input: Input<'_>) -> Answered {
    let key = VerifyingKey::parse(&input.bytes("public")?).map_err(layer_of_key)?;
    let verified = key.verify(&input.bytes("message")?, &input.array("signature")?);
    verified.map_err(|refused| match refused {
        SignatureRefused::Scalar => "scalar",
        SignatureRefused::NotCanonical => "point-encoding",
        SignatureRefused::SmallOrder => "point-order",
        SignatureRefused::Equation => "equation",
    })?;
    Ok(json!({}))
}

fn x_wing_key(input: Input<'_>) -> Answered {
    let key = Decapsulator::from_seed(&input.array("seed")?);
    Ok(json!({ "ek": hex(key.encapsulator().as_bytes()) }))
}

fn encapsulation_key(input: Input<'_>) -> Answered {
    Encapsulator::parse(&input.bytes("ek")?).map_err(layer_of_key)?;
    Ok(json!({}))
}

fn decapsulate(input: Input<'_>) -> Answered {
    let key = Decapsulator::from_seed(&input.array("seed")?);
    let secret = key.decapsulate(&input.array("ct")?).map_err(|_| "ciphertext-order")?;
    Ok(json!({ "ss": hex(secret.as_bytes()) }))
}
