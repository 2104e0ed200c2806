//! Any bytes as a configuration file: settings or a list of mistakes.
#![no_main]

use chancery::settings::Settings;
use chancery_policy::Mistake;
use libfuzzer_sys::fuzz_target;

/// The module itself: the crate around it would bring the database, TLS and DNS into the build of every target.
#[path = "../../crates/chancery/src"]
#[allow(dead_code, reason = "only the parser is fuzzed")]
mod chancery {
    pub mod settings;
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = Mistake::check_text(bytes, "chancery.toml") else { return };
    match Settings::parse(text, "chancery.toml") {
        Ok(settings) => {
            assert!(settings.is_ours(&settings.organisation), "an organisation owns its own domain");
            assert!(!settings.queue.retry.is_empty(), "what fails is tried again");
            assert!(settings.inside.allow.iter().all(|network| !network.is_everything()), "no open relay");
        }
        Err(mistakes) => assert!(!mistakes.is_empty(), "a refusal says why"),
    }
});
