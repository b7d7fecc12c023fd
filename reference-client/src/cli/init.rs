//! Making a store, and destroying one.

use super::args::{Globals, Init, Wipe};
use super::desk::server_address;
use super::failure::Failure;
use super::folder::{Folder, Settings};
use super::outcome::Outcome;
use super::shape;
use super::unlock;
use crate::messenger::{Messenger, Options};
use crate::store::{self, Store};

/// Makes folder, store, profile and servers.
pub(crate) async fn init(
    globals: &Globals,
    folder: &Folder,
    init: Init,
) -> Result<Outcome, Failure> {
    let servers =
        init.server.iter().map(|text| server_address(text)).collect::<Result<Vec<_>, _>>()?;
    // Refused before a passphrase is asked for, and before a file is made.
    edgewise_spec::invitation::Name::new(&init.name).map_err(Failure::usage)?;
    folder.make()?;
    if folder.store().exists() {
        return Err(store::StoreError::Exists { path: folder.store() }.into());
    }
    let unlock = globals.unlock().new_one(init.make_key_file.as_deref())?;
    let progress = unlock::spinner("Making the store");
    let made = Store::create(&folder.store(), &unlock, &store::Options::default());
    progress.finish_and_clear();
    let options = Options { offline: true, ..Options::default() };
    let (messenger, _events) = Messenger::open(made?, options).await?;
    let profile = messenger.add_profile(&init.name).await?;
    let count = servers.len();
    for server in servers {
        messenger.add_server(profile, server, None).await?;
    }
    let profiles = messenger.profiles().await?;
    messenger.close().await?;
    let key_file = init.make_key_file.map(|path| std::path::absolute(&path).unwrap_or(path));
    folder.keep(&Settings {
        profile: Some(shape::id(profile.number())),
        key_file: key_file.clone().or_else(|| globals.key_file.clone()),
    })?;
    Ok(Outcome::Initialized {
        folder: folder.path().display().to_string(),
        profile: profiles.first().map(|view| shape::Profile::of(view, profile)),
        key_file: key_file.map(|path| path.display().to_string()),
        servers: count,
    })
}

/// Destroys the store, once the user has said so.
pub(crate) fn wipe(folder: &Folder, wipe: &Wipe) -> Result<Outcome, Failure> {
    let path = folder.store();
    if !path.exists() {
        return Err(store::StoreError::Missing { path }.into());
    }
    if !wipe.yes {
        let path = path.display();
        unlock::sure(
            &format!("Destroy {path} with all contacts and everything that was said, for good?"),
            "to destroy the store all the same: edgewise wipe --yes",
            "nothing was destroyed",
        )?;
    }
    Store::wipe(&path)?;
    folder.clear();
    Ok(Outcome::Done { what: format!("{} is destroyed", path.display()) })
}
