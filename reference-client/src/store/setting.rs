//! Settings: what the user or a program chose, by name.

use super::codec::{Fields, Record, Writer};
use super::error::StoreError;
use super::table::{PROFILE, SETTING};
use super::{ProfileId, Reader, Transaction, Versioned};

/// A setting as it is stored: its row's number is a keyed hash of profile and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) profile: Option<ProfileId>,
    pub(super) name: String,
    pub(super) value: Versioned,
}

impl Record for Setting {
    const VERSION: u8 = 1;

    fn write(&self, to: &mut Writer) {
        to.option(self.profile, |to, profile| to.i64(profile.0));
        to.bytes(self.name.as_bytes());
        self.value.write(to);
    }

    fn read(_: u8, from: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            profile: from.option(Fields::i64)?.map(ProfileId),
            name: from.text()?,
            value: Versioned::read(from)?,
        })
    }
}

impl Reader<'_> {
    fn setting_row(&self, profile: Option<ProfileId>, name: &str) -> i64 {
        let profile = profile.map_or([0; 8], |profile| profile.0.to_be_bytes());
        self.keys.lookup("setting", &[&profile, name.as_bytes()])
    }

    /// A setting of a profile, or of the whole store.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn setting(
        &self,
        profile: Option<ProfileId>,
        name: &str,
    ) -> Result<Option<Versioned>, StoreError> {
        let found = self.find::<Setting>(&SETTING, &[self.setting_row(profile, name)])?;
        let same = found.filter(|(_, stored)| stored.profile == profile && stored.name == name);
        Ok(same.map(|(_, setting)| setting.value))
    }

    /// All settings of a profile, or of the whole store, by name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn settings(
        &self,
        profile: Option<ProfileId>,
    ) -> Result<Vec<(String, Versioned)>, StoreError> {
        let rows = self.list::<Setting>(&SETTING)?.into_iter().map(|(_, setting)| setting);
        let its = rows.filter(|setting| setting.profile == profile);
        let mut all: Vec<_> = its.map(|setting| (setting.name, setting.value)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all)
    }
}

impl Transaction<'_> {
    /// Sets a setting of a profile, or of the whole store.
    ///
    /// # Errors
    /// [`StoreMisuse::Unknown`](super::StoreMisuse::Unknown) without such a profile.
    pub fn set_setting(
        &mut self,
        profile: Option<ProfileId>,
        name: &str,
        value: &Versioned,
    ) -> Result<(), StoreError> {
        if let Some(profile) = profile {
            self.must_have(&PROFILE, profile.0)?;
        }
        let row = self.setting_row(profile, name);
        let (name, value) = (name.to_owned(), value.clone());
        self.put(&SETTING, &[row], &Setting { profile, name, value })
    }

    /// Forgets a setting; false if there was none.
    ///
    /// # Errors
    /// As [`Store::write`](super::Store::write).
    pub fn remove_setting(
        &mut self,
        profile: Option<ProfileId>,
        name: &str,
    ) -> Result<bool, StoreError> {
        let row = self.setting_row(profile, name);
        self.remove(&SETTING, &[row])
    }
}
