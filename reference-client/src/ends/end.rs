//! What the task needs of an end, whichever it is.

use edgewise_spec::client::{
    ClientLink, Event, RecipientEnd, RecipientEvent, SenderEnd, SenderEvent,
};
use edgewise_spec::connection::AccessKey;
use edgewise_spec::error::Misuse;
use edgewise_spec::frame::Class;
use edgewise_spec::time::Now;

use super::Hubs;
use crate::client::Client;

/// A sender's or a recipient's end.
pub(crate) trait End: Sized + Send + 'static {
    type Event: Send + 'static;

    /// What an error calls it.
    const NAME: &'static str;

    /// The tasks of a context that have ends of this kind.
    fn hubs(client: &Client) -> &Hubs<Self>;
    fn wants(&self) -> Option<Class>;
    fn handle_of(&self) -> Option<u32>;
    fn deadline(&self) -> Option<Now>;
    fn link_lost(&mut self);
    fn leave(&mut self);
    fn has_left(&self) -> bool;
    fn advance(
        &mut self,
        now: Now,
        number: u32,
        access: Option<&AccessKey>,
        link: &mut ClientLink,
    ) -> Result<(), Misuse>;
    fn handle(&mut self, now: Now, number: u32, event: &Event, events: &mut Vec<Self::Event>);
}

macro_rules! end {
    ($end:ident, $event:ident, $name:literal, $hubs:ident, $access:pat, $($passed:ident)?) => {
        impl End for $end {
            type Event = $event;
            const NAME: &'static str = $name;

            fn hubs(client: &Client) -> &Hubs<Self> {
                client.$hubs()
            }

            fn wants(&self) -> Option<Class> {
                self.wants()
            }

            fn handle_of(&self) -> Option<u32> {
                self.handle_of()
            }

            fn deadline(&self) -> Option<Now> {
                self.deadline()
            }

            fn link_lost(&mut self) {
                self.link_lost();
            }

            fn leave(&mut self) {
                self.leave();
            }

            fn has_left(&self) -> bool {
                self.has_left()
            }

            fn advance(
                &mut self,
                now: Now,
                number: u32,
                $access: Option<&AccessKey>,
                link: &mut ClientLink,
            ) -> Result<(), Misuse> {
                self.advance(now, number, $($passed,)? link)
            }

            fn handle(
                &mut self,
                now: Now,
                number: u32,
                event: &Event,
                events: &mut Vec<$event>,
            ) {
                self.handle(now, number, event, events);
            }
        }
    };
}

end!(SenderEnd, SenderEvent, "sender", senders, _,);
end!(RecipientEnd, RecipientEvent, "recipient", recipients, access, access);
