//! What the program says, and about whom: this crate's own events alone.
//!
//! Libraries below would name peers, paths and stream numbers at their finer levels, so no level
//! and no environment variable lets their events through. Our own name no connection, no peer's
//! address and no id at any level.

use std::io;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

use crate::config::{LogFormat, LogLevel};

/// A subscriber that lets this crate's events through up to `level`, and no others.
pub fn subscriber<W>(
    level: LogLevel,
    format: LogFormat,
    writer: W,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let ours = Targets::new()
        .with_default(LevelFilter::OFF)
        .with_target(env!("CARGO_CRATE_NAME"), level_of(level));
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let layer = match format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    Box::new(Registry::default().with(layer.with_filter(ours)))
}

/// Logs to standard error from here on. The first call of a process counts.
pub fn install(level: LogLevel, format: LogFormat) {
    let _ = tracing::subscriber::set_global_default(subscriber(level, format, io::stderr));
}

const fn level_of(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}
