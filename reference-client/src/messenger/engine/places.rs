//! Places of servers, over restarts: what a server's Description told one profile is stored for
//! that profile (LINK-49), its contacts' servers too, and forgotten with its last use.

use std::collections::{HashMap, HashSet};

use edgewise_spec::constants::{EDGES_MAX, HASH_LEN};
use edgewise_spec::link::Address;
use zeroize::Zeroizing;

use super::turn::{Result, Turn};
use crate::places::{Book, Places};
use crate::store::{ProfileId, Versioned};

/// Places by profile and fingerprint.
pub(super) type Known = HashMap<(ProfileId, [u8; HASH_LEN]), Places>;

/// The name of a setting is this and a fingerprint in hexadecimal.
const PLACES: &str = "places ";
/// Of what stands in it: whether there is TLS, and a place a line.
const VERSION: u32 = 1;

impl Turn<'_, '_> {
    /// Everything that is stored.
    pub(super) fn places_of_all(&mut self) -> Result<Known> {
        let mut known = Known::new();
        for (profile, _) in self.tx.profiles()? {
            for (server, places) in self.stored_places(profile)? {
                known.insert((profile, server), places);
            }
        }
        Ok(known)
    }

    fn stored_places(&self, profile: ProfileId) -> Result<Vec<([u8; HASH_LEN], Places)>> {
        let mut all = Vec::new();
        for (name, value) in self.tx.settings(Some(profile))? {
            let Some(server) = name.strip_prefix(PLACES) else { continue };
            let places = fingerprint(server).zip(read(&value));
            all.push(places.ok_or_else(|| self.damaged("server's places"))?);
        }
        Ok(all)
    }

    /// A server has listed other places than before; these are stored instead.
    pub(super) fn places_told(
        &mut self,
        profile: ProfileId,
        server: [u8; HASH_LEN],
        places: &Places,
    ) -> Result<()> {
        // A profile may have gone while its links ended.
        if self.tx.profile(profile)?.is_none() {
            return Ok(());
        }
        let name = name(&server);
        if places.edges.is_empty() {
            return Ok(self.tx.remove_setting(Some(profile), &name).map(drop)?);
        }
        Ok(self.tx.set_setting(Some(profile), &name, &written(places))?)
    }

    /// Where else a server is, as its last Description told.
    pub(super) fn other_places(
        &self,
        profile: ProfileId,
        address: &Address,
    ) -> Result<Vec<Address>> {
        let stored = self.tx.setting(Some(profile), &name(&address.fingerprint))?;
        let Some(value) = stored else { return Ok(Vec::new()) };
        let places = read(&value).ok_or_else(|| self.damaged("server's places"))?;
        let book = Book::default();
        book.remember(address.fingerprint, places);
        Ok(book.others(address))
    }

    /// Forgets the places of servers on which nothing is left.
    pub(super) fn forget_places(&mut self) -> Result<()> {
        for (profile, _) in self.tx.profiles()? {
            let stored = self.stored_places(profile)?;
            if stored.is_empty() {
                continue;
            }
            let servers = self.tx.servers(profile)?.into_iter().map(|(_, it)| it.address);
            let connections = self.tx.connections(profile)?.into_iter().map(|(_, it)| it.address);
            let used: HashSet<_> = servers.chain(connections).map(|it| it.fingerprint).collect();
            for (server, _) in stored.iter().filter(|(server, _)| !used.contains(server)) {
                self.tx.remove_setting(Some(profile), &name(server))?;
            }
        }
        Ok(())
    }
}

fn name(server: &[u8; HASH_LEN]) -> String {
    use core::fmt::Write as _;
    server.iter().fold(PLACES.to_owned(), |mut name, byte| {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

fn fingerprint(hex: &str) -> Option<[u8; HASH_LEN]> {
    let mut bytes = [0; HASH_LEN];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    (hex.len() == 2 * HASH_LEN).then_some(bytes)
}

fn written(places: &Places) -> Versioned {
    let mut text = if places.tls { "tls" } else { "open" }.to_owned();
    for edge in &places.edges {
        text.push('\n');
        text.push_str(&edge.to_string());
    }
    Versioned::new(VERSION, Zeroizing::new(text.into_bytes()))
}

fn read(value: &Versioned) -> Option<Places> {
    let mut lines = std::str::from_utf8(value.bytes()).ok()?.lines();
    let tls = match (value.version(), lines.next()?) {
        (VERSION, "tls") => true,
        (VERSION, "open") => false,
        _ => return None,
    };
    let edges: Vec<_> = lines.map(str::parse).collect::<core::result::Result<_, _>>().ok()?;
    (edges.len() <= EDGES_MAX).then_some(Places { tls, edges })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_were_written() {
        let edges = ["edge.example:4433", "[2001:db8::1]:1", "192.0.2.7:65535"];
        for tls in [true, false] {
            let places = Places { tls, edges: edges.map(|it| it.parse().unwrap()).into() };
            assert_eq!(read(&written(&places)), Some(places));
        }
        let server = core::array::from_fn(|at| at as u8 * 7);
        assert_eq!(fingerprint(name(&server).strip_prefix(PLACES).unwrap()), Some(server));
    }

    #[test]
    fn what_was_not_written_so_is_not_read() {
        let value = |text: &str| Versioned::new(VERSION, text.as_bytes().to_vec().into());
        let many = format!("tls{}", "\na.example:1".repeat(EDGES_MAX + 1));
        for text in ["", "tsl", "tls\nnowhere", many.as_str()] {
            assert_eq!(read(&value(text)), None, "{text}");
        }
        assert_eq!(read(&Versioned::new(2, b"tls".to_vec().into())), None);
        assert_eq!(fingerprint("00"), None);
        assert_eq!(fingerprint(&"é".repeat(HASH_LEN)), None);
    }
}
