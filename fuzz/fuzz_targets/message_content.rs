#![no_main]

#[path = "../src/judge.rs"]
#[allow(dead_code, reason = "each target uses one function")]
mod judge;

libfuzzer_sys::fuzz_target!(|data: &[u8]| judge::message_content(data));
