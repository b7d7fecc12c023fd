//! A whole network on one machine: several groups of edges, unlinked, for trying out what needs
//! more than one server.
//!
//! Each group is a [`Server`] of its own: an identity made for it, its own epochs, core, store and
//! limits. All run in one process, because one process is what one word can start and ctrl-c can
//! end, and because groups share nothing in it that children of one parent would not share too:
//! no value of this crate is global, and whoever runs the machine sees all of them either way.
//! That groups belong to operators who do not know each other is what no single machine can show.

use edgewise_spec::link::{Address, IdentityKey};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::Config;
use crate::random;
use crate::server::{Running, Server, ServerError};
use crate::stats::Stats;

/// Links of one edge, at most: a few clients of one machine.
const LINKS_MAX: usize = 1_000;
/// Connections of one group, at most.
const CONNECTIONS_MAX: usize = 100_000;
/// Seconds in which links take their last block at the end.
const SHUTDOWN_SECONDS: u64 = 2;

/// How large a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Unlinked groups.
    pub groups: usize,
    /// Edges of each group.
    pub edges: usize,
    // Relays will stand beside the groups, not in them: how many belongs here.
}

/// Profile S: ten groups of two edges.
pub const PROFILE_S: Shape = Shape { groups: 10, edges: 2 };
/// Profile L: ten groups of twenty edges.
pub const PROFILE_L: Shape = Shape { groups: 10, edges: 20 };

/// A running network; dropping it ends it.
#[derive(Debug)]
pub struct Network {
    groups: Vec<Running>,
}

impl Network {
    /// Starts all groups on loopback, cleartext HTTP/2 (links are sealed all the same): on free
    /// ports, or on those from `base_port` on, group by group.
    ///
    /// # Errors
    /// [`ServerError`], the first one that a group begins with.
    pub async fn start(shape: Shape, base_port: Option<u16>) -> Result<Self, ServerError> {
        let mut groups = Vec::with_capacity(shape.groups);
        for group in 0..shape.groups {
            let mut config = Config::ephemeral(IdentityKey::generate(&mut random()));
            config = config.with_edges(shape.edges);
            config.links_max = LINKS_MAX;
            config.connections_max = CONNECTIONS_MAX;
            config.shutdown_seconds = SHUTDOWN_SECONDS;
            if let Some(base) = base_port {
                let first = usize::from(base).saturating_add(group * shape.edges);
                config.listen_from(u16::try_from(first).unwrap_or(u16::MAX));
            }
            groups.push(Server::bind(config, Clock::system()).await?);
        }
        Ok(Self { groups })
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[Running] {
        &self.groups
    }

    /// Group by group, the addresses of its edges: any one of them is the group's.
    #[must_use]
    pub fn addresses(&self) -> Vec<Vec<Address>> {
        let of = |group: &Running| group.edges().iter().map(|edge| edge.address.clone()).collect();
        self.groups.iter().map(of).collect()
    }

    /// A snapshot of each group.
    #[must_use]
    pub fn stats(&self) -> Vec<Stats> {
        self.groups.iter().map(Running::stats).collect()
    }

    /// Stops all groups, each with a goodbye to its links.
    pub async fn shutdown(self) {
        let mut ending: JoinSet<()> = self.groups.into_iter().map(Running::shutdown).collect();
        while ending.join_next().await.is_some() {}
    }
}

impl Shape {
    /// The last port that it takes from a base on; `None` if there is no such one.
    #[must_use]
    pub fn last_port(self, base: u16) -> Option<u16> {
        let count = self.groups.checked_mul(self.edges)?.checked_sub(1)?;
        base.checked_add(u16::try_from(count).ok()?)
    }
}
