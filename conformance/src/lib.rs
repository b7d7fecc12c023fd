//! edgewise-conformance
