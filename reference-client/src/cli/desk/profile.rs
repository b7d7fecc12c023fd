//! Profiles and their servers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::failure::Failure;
use super::super::outcome::{NotAdded, Outcome};
use super::super::shape;
use super::super::verb::{AddServer, ProfileVerb, ServersVerb, SetProfile};
use super::{Desk, choose, done};
use crate::messenger::ServerView;
use crate::store::{ProfileId, SecretText};
use edgewise_spec::link::Address;

impl Desk {
    pub(super) async fn profile_verb(
        &self,
        named: Option<&str>,
        verb: ProfileVerb,
    ) -> Result<Outcome, Failure> {
        match verb {
            ProfileVerb::List(_) => {}
            ProfileVerb::Add(add) => drop(self.messenger.add_profile(&add.name).await?),
            ProfileVerb::Set(set) => self.set_profile(named, set).await?,
            ProfileVerb::Remove(one) => {
                let profile = self.profile(Some(&one.name)).await?;
                self.messenger.remove_profile(profile.id).await?;
            }
            ProfileVerb::Use(one) => {
                let profile = self.profile(Some(&one.name)).await?;
                let mut settings = self.folder.settings()?;
                settings.profile = Some(shape::id(profile.id.number()));
                self.folder.keep(&settings)?;
            }
        }
        let profiles = self.messenger.profiles().await?;
        let current = self.profile(None).await.map(|profile| profile.id);
        let current = current.unwrap_or(ProfileId::from_number(-1));
        let profiles = profiles.iter().map(|view| shape::Profile::of(view, current)).collect();
        Ok(Outcome::Profiles { profiles })
    }

    async fn set_profile(&self, named: Option<&str>, set: SetProfile) -> Result<(), Failure> {
        let mut profile = self.profile(named).await?;
        if let Some(name) = set.name {
            profile.name = name;
        }
        if let Some(about) = set.about {
            profile.about = about;
        }
        if let Some(picture) = set.picture_bytes {
            profile.picture = STANDARD
                .decode(picture)
                .map_err(|error| Failure::usage(format!("the picture is no base64: {error}")))?;
        }
        if let Some(on) = set.delivery_receipts {
            profile.delivery_receipts = on;
        }
        if let Some(on) = set.read_receipts {
            profile.read_receipts = on;
        }
        Ok(self.messenger.set_profile(profile).await?)
    }

    pub(super) async fn servers(
        &self,
        profile: ProfileId,
        verb: ServersVerb,
    ) -> Result<Outcome, Failure> {
        match verb {
            ServersVerb::List(_) => {}
            ServersVerb::Add(AddServer { list: Some(list), .. }) => {
                return self.add_servers(profile, &list).await;
            }
            ServersVerb::Add(add) => {
                let address = add.address.ok_or_else(|| Failure::usage("which one? an address"))?;
                let address = server_address(&address)?;
                let password = add.password.map(|password| SecretText::new(password.into()));
                self.messenger.add_server(profile, address, password).await?;
            }
            ServersVerb::Remove(one) => {
                let servers = self.messenger.servers(profile).await?;
                let named =
                    |view: &ServerView| (shape::id(view.id.number()), view.address.to_string());
                let names: Vec<_> = servers.iter().map(named).collect();
                let place = choose(&one.server, &names, "server", "edgewise servers list")?;
                let server = servers.get(place).map(|view| view.id);
                let server = server.ok_or_else(|| Failure::usage("it has just gone"))?;
                self.messenger.remove_server(server).await?;
                return Ok(done("the server is off the list; connections on it stay"));
            }
        }
        let servers = self.messenger.servers(profile).await?;
        Ok(Outcome::Servers { servers: servers.iter().map(Into::into).collect() })
    }

    /// Adds the servers of a list; what cannot be added keeps no other from it.
    async fn add_servers(&self, profile: ProfileId, list: &str) -> Result<Outcome, Failure> {
        let (mut added, mut had, mut failed) = (0, 0, Vec::new());
        for (line, text) in listed(list) {
            let known = self.messenger.servers(profile).await?;
            let address = match server_address(text) {
                Ok(address) => address,
                Err(Failure { message: why, .. }) => {
                    failed.push(NotAdded { line, text: text.to_owned(), why });
                    continue;
                }
            };
            if known.iter().any(|view| view.address.fingerprint == address.fingerprint) {
                had += 1;
                continue;
            }
            match self.messenger.add_server(profile, address, None).await {
                Ok(_) => added += 1,
                Err(error) => {
                    let why = Failure::from(error).message;
                    failed.push(NotAdded { line, text: text.to_owned(), why });
                }
            }
        }
        let servers = self.messenger.servers(profile).await?;
        let servers = servers.iter().map(Into::into).collect();
        Ok(Outcome::ServersAdded { added, had, failed, servers })
    }
}

/// The addresses of a list, with the numbers of their lines. Comments stand behind a `#`; a line in
/// which nothing looks like an address is a heading.
fn listed(list: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(list.lines()).filter_map(|(number, line)| {
        let said = line.split('#').next().unwrap_or_default();
        let like = |word: &&str| word.contains("://") || word.contains('@');
        Some((number, said.split_whitespace().find(like)?))
    })
}

/// A server's address as somebody typed it.
pub(crate) fn server_address(text: &str) -> Result<Address, Failure> {
    text.trim().parse().map_err(|error| {
        Failure::usage(format!(
            "{:?} is no address of a server: {error}",
            super::super::plain::line(text)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_addresses_comments_and_headings() {
        let list = "# One address of each group.\n\nMine:\nedgewise://a@b:1\n\
                    group  2  edgewise://c@d:2?tls=off # the second\n          also at h:3\n\
                    http://x\n\t\n# edgewise://e@f:3\nme@there\n";
        let found: Vec<_> = listed(list).collect();
        let expected = [
            (4, "edgewise://a@b:1"),
            (5, "edgewise://c@d:2?tls=off"),
            (7, "http://x"),
            (10, "me@there"),
        ];
        assert_eq!(found, expected);
    }
}
