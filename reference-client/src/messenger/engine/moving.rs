//! Moving connections.
use super::turn::{Result, Turn};
use crate::messenger::MessengerError;
use crate::store::ContactId;
impl Turn<'_, '_> {
    pub(crate) fn move_connection(
        &mut self,
        _: ContactId,
        _: u8,
        _: Option<edgewise_spec::link::Address>,
    ) -> Result<()> {
        Err(MessengerError::NotNow("moving is not built in yet".to_owned()))
    }
}
