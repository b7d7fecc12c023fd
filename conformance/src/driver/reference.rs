//! The reference client in this process.

use std::future::Future;
use std::pin::Pin;

use edgewise_client::driver::Driver;
use edgewise_proto::conformance::v1::{ClientStart, Command};

use super::embedded::{Driving, Embedded, Started};

struct Reference(Driver);

impl Embedded for Reference {
    fn drive(&mut self, order: Command) -> Driving<'_> {
        Box::pin(self.0.drive(order))
    }
}

/// Starts the reference client.
pub(super) fn start(start: ClientStart) -> Pin<Box<dyn Future<Output = Started> + Send>> {
    Box::pin(async move {
        let (driver, ready) = Driver::start(&start).await?;
        Ok((Box::new(Reference(driver)) as Box<dyn Embedded>, ready))
    })
}
