//! The schemas of `proto/edgewise/` as Rust types, and nothing else.
//!
//! Field comments come from the schemas. With the feature `services` the gRPC clients and servers
//! are generated too; the specification crate does without them.

#![allow(missing_docs)] // generated: the schemas carry the comments that matter
#![allow(
    clippy::all,
    clippy::too_many_lines,
    reason = "generated code is as its generator writes it"
)]

/// Package `edgewise.v1`: what goes over the wire.
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/edgewise.v1.rs"));
}

/// Package `edgewise.conformance.v1`: how the suite drives an implementation under test.
pub mod conformance {
    /// Version 1 of the control protocol.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/edgewise.conformance.v1.rs"));
    }
}
