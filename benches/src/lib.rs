//! edgewise-benches
