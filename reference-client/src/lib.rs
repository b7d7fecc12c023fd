//! edgewise-client
