//! edgewise-server
