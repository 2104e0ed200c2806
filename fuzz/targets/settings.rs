//! Any bytes as a configuration file: settings or a list of mistakes.
#![no_main]

use chancery::settings::Settings;
use chancery_policy::Mistake;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = Mistake::check_text(bytes, "chancery.toml") else { return };
    match Settings::parse(text, "chancery.toml") {
        Ok(settings) => assert!(settings.is_ours(&settings.organisation), "an organisation owns its own domain"),
        Err(mistakes) => assert!(!mistakes.is_empty(), "a refusal says why"),
    }
});
