//! The vectors. Each is made with what it has to come to; what the code comes to is compared.

use edgewise_spec::constants::{BUNDLE_LEN, BUNDLE_TEXT_LEN, labels};
use edgewise_spec::invitation::ConnectionSecret;
use edgewise_spec::invitation::{
    Announcement, Bundle, Card, CardKind, ContactBundle, Descriptor, Name, Request, Root, Secret,
};
use edgewise_spec::suite::{self, Decapsulator, Sealer, SuiteId};

use super::super::{HOUR, NOT_AFTER, bundle_of, bundle_over, key, server, servers};
use super::{
    BundleOutput, Bytes, CardOutput, ContactInput, ContactOutput, DescriptorOutput, InviteInput,
    InviteOutput, OpenInput, OpenOutput, RequestInput, RequestOutput, Text, read,
};
use crate::vector::{Hex, Vector, pattern, vector};

const SUITE: SuiteId = SuiteId::Chacha20Poly1305;
/// Where the fields of a bundle begin: suite, then mode, class, k, n, then the first server.
const FIELDS: usize = 32;
const FIRST: usize = FIELDS + 6;

/// A vector: what is `told` of it is its id, comment, clause and the layer that it has to come to,
/// or none where it has to be accepted.
fn judged<I, O: std::fmt::Debug>(
    told: &str,
    input: I,
    run: fn(&I) -> Result<O, &'static str>,
) -> Vector<I, O> {
    let told: Vec<&str> = told.split("; ").collect();
    let [id, comment, clause, layer] = told[..] else { panic!("{told:?}") };
    let outcome = run(&input);
    let came = outcome.as_ref().err().copied().unwrap_or_default();
    assert_eq!(came, layer, "{id}");
    let flags: &[&str] = match layer {
        "" => &[],
        "commitment" | "servers" | "signature" | "version" => &["Other"],
        "expired" | "older" => &["Late"],
        "sealed" | "padding" => &["Sealed"],
        _ if id.starts_with("card/") => &["Card"],
        _ => &["Layout"],
    };
    vector(id, comment, &[clause], flags, input, outcome)
}

/// The bytes with some of them changed, put in or cut off.
fn altered(bytes: &[u8], alter: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    alter(&mut bytes);
    bytes
}

pub fn bundles() -> Vec<Vector<Bytes, BundleOutput>> {
    let one = bundle_over(1, false).as_bytes().to_vec();
    let two = bundle_over(2, false).as_bytes().to_vec();
    let attested = bundle_over(3, true).as_bytes().to_vec();
    let h = usize::from(one[FIRST + 35]);
    let ek = FIRST + 36 + h;
    let name = ek + 1_216;
    let put = |at: usize, byte: u8| altered(&one, |bytes| bytes[at] = byte);
    let named = |text: &[u8]| {
        altered(&one, |bytes| {
            let field = [&[text.len() as u8], text].concat();
            bytes.splice(name..name + 4, field);
        })
    };
    let twice = altered(&two, |bytes| {
        let first = bytes[FIRST..FIRST + 32].to_vec();
        bytes[FIRST + 36 + h..FIRST + 68 + h].copy_from_slice(&first);
    });
    let small_order = altered(&attested, |bytes| {
        let at = bytes.len() - 4 - 4 - 32;
        bytes[at..at + 32].fill(0);
    });
    let list: Vec<(&str, Vec<u8>)> = vec![
        ("bundle/one; one server, deniable; INVITATION-3; ", one.clone()),
        ("bundle/three; three servers, attested; INVITATION-1; ", attested),
        ("bundle/ten; ten servers; INVITATION-1; ", bundle_over(10, false).as_bytes().into()),
        ("bundle/nameless; no name; INVITATION-16; ", named(b"")),
        ("bundle/longest-name; 64 bytes; INVITATION-16; ", named(&[b'n'; 64])),
        ("bundle/long-name; 65 bytes; INVITATION-16; name", named(&[b'n'; 65])),
        ("bundle/no-text; a name that is no UTF-8; INVITATION-16; name", named(&[0xff])),
        (
            "bundle/turned-name; U+202E turns the writing; INVITATION-16; name",
            named("a\u{202e}b".as_bytes()),
        ),
        ("bundle/line-name; a line feed; INVITATION-16; name", named(b"a\nb")),
        ("bundle/suite-2; a suite for links; INVITATION-12; suite", put(FIELDS + 1, 2)),
        ("bundle/suite-0; no suite; INVITATION-12; suite", put(FIELDS + 1, 0)),
        ("bundle/mode; mode 3; INVITATION-13; mode", put(FIELDS + 2, 3)),
        ("bundle/class; class 4; SCATTER-1; shape", put(FIELDS + 3, 4)),
        ("bundle/small-1; small, 1 of 1; SCATTER-1; shape", put(FIELDS + 3, 1)),
        ("bundle/no-server; 1 of 0; SCATTER-1; shape", put(FIELDS + 5, 0)),
        ("bundle/option; option 2; INVITATION-10; server", put(FIRST + 32, 2)),
        ("bundle/capital; a capital in the host; INVITATION-10; server", { put(FIRST + 36, b'E') }),
        ("bundle/host; a space in the host; LINK-2; server", put(FIRST + 36, b' ')),
        ("bundle/port; port 0; LINK-2; server", {
            altered(&one, |bytes| bytes[FIRST + 33..FIRST + 35].fill(0))
        }),
        ("bundle/twice; one server twice; INVITATION-14; twice", twice),
        ("bundle/modulus; a key that is not reduced; INVITATION-15; key", {
            altered(&one, |bytes| bytes[ek..ek + 2].fill(0xff))
        }),
        ("bundle/small-order; a vk of small order; INVITATION-15; key", small_order),
        ("bundle/short; the last byte is missing; INVITATION-11; short", {
            one[..one.len() - 1].to_vec()
        }),
        ("bundle/surplus; a byte behind it; INVITATION-11; surplus", {
            altered(&one, |bytes| bytes.push(0))
        }),
    ];
    let vector =
        |(told, bytes): (_, Vec<u8>)| judged(told, Bytes { bytes: bytes.into() }, read::bundle);
    list.into_iter().map(vector).collect()
}

pub fn invites() -> Vec<Vector<InviteInput, InviteOutput>> {
    let invite = |told, bundle: &Bundle, shown, carded| {
        let bundle = bundle.as_bytes().into();
        judged(told, InviteInput { bundle, shown, carded }, read::invite)
    };
    let mut of_all = vec![
        invite("invite/shown; one server; INVITATION-19; ", &bundle_over(1, false), true, 1),
        invite(
            "invite/sent; three of five servers; INVITATION-27; ",
            &bundle_over(5, true),
            false,
            3,
        ),
        invite(
            "invite/first; the first of three servers; INVITATION-24; ",
            &bundle_over(3, false),
            true,
            1,
        ),
        invite(
            "invite/four; four on a card; INVITATION-24; count",
            &bundle_over(4, false),
            true,
            4,
        ),
    ];
    for vector in of_all.iter_mut().take(3) {
        let clauses = ["INVITATION-4", "INVITATION-5", "INVITATION-6", "INVITATION-23"];
        vector.requirements.extend(clauses.map(str::to_owned));
    }
    of_all
}

/// Seals any text under any version, as the chapter has it and apart from the code.
fn seal(secret: &[u8; 32], version: u32, text: &[u8]) -> Vec<u8> {
    let (mut key, version) = ([0; 32], version.to_be_bytes());
    suite::derive(SUITE, &[secret], labels::INVITATION_BUNDLE, &[&version], &mut key);
    let mut text = text.to_vec();
    let tag = Sealer::new(SUITE, &key).seal(&[0; 12], &version, &mut text);
    [&version[..], &text, &tag].concat()
}

fn padded(bundle: &[u8]) -> Vec<u8> {
    let mut text = (bundle.len() as u16).to_be_bytes().to_vec();
    text.extend_from_slice(bundle);
    text.resize(BUNDLE_TEXT_LEN, 0);
    text
}

pub fn opens() -> Vec<Vector<OpenInput, OpenOutput>> {
    let bundle = bundle_over(3, false);
    let secret = *bundle.secret().as_bytes();
    let card = bundle.card(true, 2).unwrap();
    let good = bundle.sealed();
    assert_eq!(good, seal(&secret, 0, &padded(bundle.as_bytes())));
    let other = bundle_over(2, false);
    let odd = Bundle::parse(bundle.as_bytes()).unwrap();
    let reversed: Vec<_> = servers(2).into_iter().rev().collect();
    let misled = Card::new(CardKind::Sent, odd.secret(), &reversed).unwrap();
    // A bundle under a hash that is its own, and not laid out as one.
    let bare = [7; 40];
    let bare_secret = suite::hash(&[&suite::lp(labels::INVITATION_COMMIT), &bare]);
    let bare_card =
        Card::new(CardKind::Sent, Secret::from_bytes(&bare_secret), &servers(1)).unwrap();
    let unpadded = altered(&padded(bundle.as_bytes()), |text| text[BUNDLE_TEXT_LEN - 1] = 1);
    let too_long = altered(&padded(bundle.as_bytes()), |text| text[0] = 0xff);
    let flipped = |at: usize| altered(&good, |sealed| sealed[at] ^= 1);
    let sealed = |version, text: &[u8]| seal(&secret, version, text);
    let text = padded(bundle.as_bytes());
    let bare_sealed = seal(&bare_secret, 0, &padded(&bare));
    let list = vec![
        ("open/good; as it was sealed; INVITATION-6; ", &card, good.to_vec(), HOUR),
        ("open/last; its last hour; INVITATION-18; ", &card, good.to_vec(), NOT_AFTER - 1),
        ("open/over; the hour after; INVITATION-18; expired", &card, good.to_vec(), NOT_AFTER),
        ("open/empty; nothing; INVITATION-7; length", &card, Vec::new(), HOUR),
        ("open/short; a byte less; INVITATION-7; length", &card, good[1..].to_vec(), HOUR),
        ("open/zeros; zeros; INVITATION-7; sealed", &card, vec![0; BUNDLE_LEN], HOUR),
        ("open/first; another version; INVITATION-7; sealed", &card, flipped(3), HOUR),
        ("open/text; a bit of the text; INVITATION-7; sealed", &card, flipped(99), HOUR),
        ("open/tag; a bit of the tag; INVITATION-7; sealed", &card, flipped(BUNDLE_LEN - 1), HOUR),
        ("open/other; another's; INVITATION-7; sealed", &card, other.sealed().to_vec(), HOUR),
        ("open/version; sealed as 1; INVITATION-7; version", &card, sealed(1, &text), HOUR),
        ("open/padding; it ends in 1; INVITATION-8; padding", &card, sealed(0, &unpadded), HOUR),
        ("open/length; over its text; INVITATION-8; padding", &card, sealed(0, &too_long), HOUR),
        (
            "open/hash; another bundle; INVITATION-9; commitment",
            &card,
            { sealed(0, &padded(other.as_bytes())) },
            HOUR,
        ),
        ("open/layout; no bundle; INVITATION-11; suite", &bare_card, bare_sealed, HOUR),
        ("open/servers; reversed; INVITATION-17; servers", &misled, good.to_vec(), HOUR),
    ];
    let open = |(told, card, sealed, hour): (_, &Card, Vec<u8>, _)| {
        let card = card.to_text().to_string();
        judged(told, OpenInput { card, sealed: sealed.into(), hour }, read::open)
    };
    list.into_iter().map(open).collect()
}

/// The card with its check made anew over what was altered.
fn checked(text: &str) -> String {
    let front = &text[..text.rfind('/').unwrap() + 1];
    let hash = suite::hash(&[&suite::lp(labels::INVITATION_CARD), front.as_bytes()]);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let number = hash[..5].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let symbol = |n: u32| char::from(alphabet[(number >> (35 - 5 * n) & 31) as usize]);
    front.chars().chain((0..8).map(symbol)).collect()
}

pub fn cards() -> Vec<Vector<Text, CardOutput>> {
    let text = |n: u8, shown| bundle_over(n, false).card(shown, n.into()).unwrap().to_text();
    let (one, three) = (text(1, true).to_string(), text(3, false).to_string());
    assert_eq!(checked(&one), one, "the check as the chapter has it");
    let root = Root::from_parts(&pattern("root salt"), &pattern("root seed"));
    let address = Card::new(CardKind::Address, root.secret(), &servers(2)).unwrap().to_text();
    let replaced = |from: &str, to: &str| checked(&one.replacen(from, to, 1));
    let host = "EDGE0.EXAMPLE:4433";
    let wrapped = three.chars().enumerate().fold(String::new(), |mut text, (place, symbol)| {
        text.extend((place > 0 && place % 60 == 0).then_some("\r\n "));
        text.push(symbol);
        text
    });
    let fingerprint = one.split('/').nth(2).unwrap();
    let doubled = one.replace("S1", "S2").replace(host, &format!("{host}/{fingerprint}/{host}"));
    let list: Vec<(&str, String)> = vec![
        ("card/one; one server, shown; INVITATION-19; ", one.clone()),
        ("card/three; three servers, sent; INVITATION-23; ", three.clone()),
        ("card/address; a contact address; INVITATION-39; ", address.to_string()),
        ("card/small; small letters; INVITATION-20; ", one.to_lowercase()),
        ("card/wrapped; lines; INVITATION-20; ", wrapped),
        ("card/cleartext; no TLS; INVITATION-19; ", replaced(host, &format!("{host}*"))),
        ("card/empty; white space; INVITATION-22; empty", " \n".to_owned()),
        ("card/words; no scheme; INVITATION-22; no-card", "hello there".to_owned()),
        ("card/web; a web page; INVITATION-22; foreign", {
            "https://example.org/invitation#/?v=2".to_owned()
        }),
        ("card/server; a server's address; INVITATION-22; server-address", {
            server(0).to_string()
        }),
        ("card/kind; kind X; INVITATION-22; kind", replaced(":S1", ":X1")),
        ("card/none; no server; INVITATION-14; count", replaced(":S1", ":S0")),
        ("card/four; four servers; INVITATION-14; count", replaced(":S1", ":S4")),
        ("card/fewer; two, and one follows; INVITATION-22; truncated", { replaced(":S1", ":S2") }),
        ("card/scheme-alone; EDGEWISE:; INVITATION-22; truncated", "edgewise:".to_owned()),
        ("card/half; the first half; INVITATION-22; truncated", one[..70].to_owned()),
        ("card/last; the last symbol is missing; INVITATION-22; truncated", {
            one[..one.len() - 1].to_owned()
        }),
        ("card/stop; a full stop behind it; INVITATION-19; surplus", format!("{one}.")),
        ("card/long; 600 characters; INVITATION-22; long", { format!("{one}{}", "A".repeat(600)) }),
        ("card/check; another check; INVITATION-21; altered", {
            let (front, last) = one.split_at(one.len() - 1);
            format!("{front}{}", if last == "A" { "B" } else { "A" })
        }),
        ("card/another-host; another host; INVITATION-21; altered", {
            one.replace("EDGE0", "EDGE1")
        }),
        ("card/symbol; a 1 in the secret; INVITATION-22; symbol", {
            checked(&format!("{}1{}", &one[..20], &one[21..]))
        }),
        ("card/secret; 51 symbols; INVITATION-22; length", {
            checked(&format!("{}{}", &one[..20], &one[21..]))
        }),
        ("card/bits; a spare bit of the secret; INVITATION-19; altered", {
            let last = one[..64].chars().last().unwrap();
            let next = if last == 'Z' { '2' } else { char::from(last as u8 + 1) };
            checked(&format!("{}{next}{}", &one[..63], &one[64..]))
        }),
        ("card/host; an empty host; LINK-2; place", replaced(host, ":4433")),
        ("card/port; port 65536; LINK-2; place", replaced(":4433", ":65536")),
        ("card/zero; a leading zero; LINK-2; place", replaced(":4433", ":04433")),
        ("card/twice; a server twice; INVITATION-14; twice", checked(&doubled)),
    ];
    list.into_iter().map(|(told, text)| judged(told, Text { text }, read::card)).collect()
}

pub fn descriptors() -> Vec<Vector<Bytes, DescriptorOutput>> {
    let of = |n, base| {
        let secret = ConnectionSecret::from_bytes(&pattern("c"));
        Descriptor { server: server(n), secret, base }.to_bytes()
    };
    let (named, numbered) = (of(0, 0), of(1, 77));
    let list: Vec<(&str, Vec<u8>)> = vec![
        ("descriptor/new; a new direction; INVITATION-36; ", named.clone()),
        ("descriptor/moved; from 78 on, IPv6, no TLS; INVITATION-36; ", numbered),
        ("descriptor/short; a byte less; INVITATION-36; short", {
            named[..named.len() - 1].to_vec()
        }),
        ("descriptor/surplus; a byte more; INVITATION-36; surplus", {
            altered(&named, |bytes| bytes.push(0))
        }),
        ("descriptor/option; option 3; INVITATION-10; server", {
            altered(&named, |bytes| bytes[32] = 3)
        }),
        ("descriptor/capital; a capital; INVITATION-10; server", {
            altered(&named, |bytes| bytes[36] = b'E')
        }),
        (
            "descriptor/no-host; no host; LINK-2; server",
            altered(&named, |bytes| {
                let h = usize::from(bytes[35]);
                bytes.splice(35..36 + h, [0]);
            }),
        ),
    ];
    let vector =
        |(told, bytes): (_, Vec<u8>)| judged(told, Bytes { bytes: bytes.into() }, read::descriptor);
    list.into_iter().map(vector).collect()
}

fn root() -> Root {
    Root::from_parts(&pattern("root salt"), &pattern("root seed"))
}

fn contact(root: &Root, version: u32) -> ContactBundle {
    let announcement = Announcement {
        version,
        servers: &servers(2),
        ek: &key().encapsulator(),
        name: Name::new("Grace").unwrap(),
        not_after: NOT_AFTER,
    };
    ContactBundle::make(root, &announcement).unwrap()
}

pub fn contacts() -> Vec<Vector<ContactInput, ContactOutput>> {
    let root = root();
    let secret = *root.secret().as_bytes();
    let made = contact(&root, 5);
    let card = made.card(2).unwrap();
    let (good, bytes) = (made.sealed(), made.as_bytes());
    let other = Root::from_parts(&pattern("root salt"), &pattern("other seed"));
    let reversed: Vec<_> = servers(2).into_iter().rev().collect();
    let misled = Card::new(CardKind::Address, root.secret(), &reversed).unwrap();
    let sealed = |version, bytes: &[u8]| seal(&secret, version, &padded(bytes));
    let last = bytes.len() - 1;
    let zero = altered(bytes, |bytes| bytes[67] = 0);
    let unsigned = |at: usize| sealed(5, &altered(bytes, |bytes| bytes[at] ^= 1));
    let longer = altered(bytes, |bytes| bytes.push(0));
    let others = contact(&other, 5);
    let broken = altered(&good, |bytes| bytes[1_000] ^= 1);
    let timed = vec![
        ("contact/good; version 5; INVITATION-40; ", 0, HOUR),
        ("contact/seen; seen before; INVITATION-44; ", 5, HOUR),
        ("contact/older; 6 was seen; INVITATION-44; older", 6, HOUR),
        ("contact/over; over; INVITATION-18; expired", 0, NOT_AFTER),
    ];
    let faulty = vec![
        ("contact/version; sealed as 6; INVITATION-43; version", &card, sealed(6, bytes)),
        ("contact/zero; version 0; INVITATION-43; version", &card, sealed(0, &zero)),
        ("contact/root; another root; INVITATION-41; commitment", &card, {
            sealed(5, others.as_bytes())
        }),
        ("contact/signature; a bit; INVITATION-42; signature", &card, unsigned(last - 40)),
        ("contact/name; not as signed; INVITATION-42; signature", &card, unsigned(last - 68)),
        ("contact/short; a byte less; INVITATION-11; short", &card, sealed(5, &bytes[..last])),
        ("contact/surplus; a byte more; INVITATION-11; surplus", &card, sealed(5, &longer)),
        ("contact/sealed; a bit of the seal; INVITATION-7; sealed", &card, broken),
        ("contact/servers; reversed; INVITATION-17; servers", &misled, good.to_vec()),
    ];
    let open = |told, card: &Card, sealed: &[u8], seen, hour| {
        let card = card.to_text().to_string();
        judged(told, ContactInput { card, sealed: sealed.into(), seen, hour }, read::contact)
    };
    let timed = timed.into_iter().map(|(told, seen, hour)| open(told, &card, &good, seen, hour));
    let faulty = faulty.into_iter().map(|(told, card, sealed)| open(told, card, &sealed, 0, HOUR));
    timed.chain(faulty).collect()
}

/// Seals any text as a request of a version, as the chapter has it and apart from the code.
fn request(contact: &ContactBundle, text: &[u8]) -> Vec<u8> {
    let (ct, shared) = contact.ek().encapsulate_derand(&pattern("encapsulation"));
    let ad = [&contact.version().to_be_bytes()[..], &ct].concat();
    let mut key = [0; 32];
    let secret = contact.secret();
    let context: [&[u8]; 2] = [secret.as_bytes(), &ad];
    let label = labels::INVITATION_REQUEST;
    suite::derive(SUITE, &[shared.as_bytes()], label, &context, &mut key);
    let mut text = text.to_vec();
    let tag = Sealer::new(SUITE, &key).seal(&[0; 12], &ad, &mut text);
    [&ad[..], &text, &tag].concat()
}

pub fn requests() -> Vec<Vector<RequestInput, RequestOutput>> {
    let contact = contact(&root(), 5);
    let card = bundle_of(&servers(1), None).card(false, 1).unwrap();
    let text = |greeting: &[u8], card: &str| {
        let request =
            [&(greeting.len() as u16).to_be_bytes()[..], greeting, card.as_bytes()].concat();
        let mut text = [&(request.len() as u16).to_be_bytes()[..], &request].concat();
        text.resize(2_780, 0);
        text
    };
    let sent = card.to_text().to_string();
    let shown = bundle_of(&servers(1), None).card(true, 1).unwrap().to_text().to_string();
    let good = request(&contact, &text(b"hello\nit is me", &sent));
    let made = Request::new("hello\nit is me", &card).unwrap();
    assert_eq!(made.seal_derand(&contact, &pattern("encapsulation")), good);
    let address = contact.card(1).unwrap().to_text().to_string();
    let same = "inviter's key";
    assert_eq!(Decapsulator::from_seed(&pattern(same)).encapsulator(), *contact.ek());
    let of = |text: Vec<u8>| request(&contact, &text);
    let bit = altered(&good, |bytes| bytes[3_919] ^= 1);
    let low = altered(&good, |bytes| bytes[4 + 1_088..4 + 1_120].fill(0));
    let unpadded = of(altered(&text(b"", &sent), |text| text[2_779] = 1));
    let too_long = of(altered(&text(b"", &sent), |text| text[0] = 0xff));
    let long = of(text(&[b'g'; 1_025], &sent));
    let small = of(text(b"", &sent.to_lowercase()));
    let list = vec![
        ("request/good; a greeting and a card; INVITATION-47; ", good.clone(), 5, same),
        ("request/silent; no greeting; INVITATION-47; ", of(text(b"", &sent)), 5, same),
        ("request/short; a byte less; INVITATION-48; length", good[1..].to_vec(), 5, same),
        ("request/version; version 6 is kept; INVITATION-48; version", good.clone(), 6, same),
        ("request/key; another key; INVITATION-48; sealed", good, 5, "another"),
        ("request/tag; a bit of the tag; INVITATION-48; sealed", bit, 5, same),
        ("request/low; a ct of low order; INVITATION-48; sealed", low, 5, same),
        ("request/padding; its last byte is 1; INVITATION-48; layout", unpadded, 5, same),
        ("request/length; longer than its text; INVITATION-48; layout", too_long, 5, same),
        ("request/long; 1,025 bytes; INVITATION-48; greeting", long, 5, same),
        ("request/bell; U+0007; INVITATION-48; greeting", of(text(b"\x07", &sent)), 5, same),
        ("request/no-card; no card; INVITATION-48; card", of(text(b"", "")), 5, same),
        ("request/address; an address's; INVITATION-48; card", of(text(b"", &address)), 5, same),
        ("request/shown; kind S; INVITATION-48; layout", of(text(b"", &shown)), 5, same),
        ("request/small; small letters; INVITATION-48; layout", small, 5, same),
    ];
    let ask = |(told, request, version, seed): (_, Vec<u8>, _, &str)| {
        let secret = contact.secret().as_bytes().into();
        let seed: Hex = pattern::<32>(seed).into();
        judged(told, RequestInput { request: request.into(), secret, version, seed }, read::request)
    };
    list.into_iter().map(ask).collect()
}
