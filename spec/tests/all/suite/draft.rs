//! X-Wing against the test vectors of draft-connolly-cfrg-xwing-kem-10.

use edgewise_spec::suite::{Decapsulator, Encapsulator};
use serde::Deserialize;

use super::backend::backends;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    seed: String,
    pk: String,
    eseed: String,
    ct: String,
    ss: String,
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn every_backend_reproduces_the_draft() {
    let drafts: Vec<Draft> =
        serde_json::from_str(include_str!("../../data/x-wing-draft-10.json")).unwrap();
    assert_eq!(drafts.len(), 3);
    for (draft, backend) in drafts.iter().flat_map(|d| backends().into_iter().map(move |b| (d, b)))
    {
        let (seed, pk, ct) = (bytes(&draft.seed), bytes(&draft.pk), bytes(&draft.ct));
        let (ss, eseed) = (bytes(&draft.ss), bytes(&draft.eseed));
        assert_eq!((backend.x_wing_public)(&seed), pk, "{}", backend.name);
        assert_eq!((backend.x_wing_encapsulate)(&pk, &eseed), (ct, ss), "{}", backend.name);
        assert_eq!((backend.x_wing_decapsulate)(&seed, &ct), Some(ss), "{}", backend.name);

        let key = Decapsulator::from_seed(&seed);
        assert_eq!(key.encapsulator().as_bytes(), &pk);
        assert_eq!(key.decapsulate(&ct).unwrap().as_bytes(), &ss);
        let (made, secret) = Encapsulator::parse(&pk).unwrap().encapsulate_derand(&eseed);
        assert_eq!((made, secret.as_bytes()), (ct, &ss));
    }
}
