//! Puts the page together: template, style, scripts and data in one file.
use super::data::Data;
use super::sheet::Sheet;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, Value, context};
use sha2::{Digest, Sha256};

const TEMPLATE: &str = include_str!("page.html");

const STYLES: [&str; 2] = [include_str!("uplot/uPlot.min.css"), include_str!("page.css")];

/// In this order: each uses what those before it declare.
const SCRIPTS: [&str; 11] = [
    // Its licence goes with every copy.
    concat!("/*\n", include_str!("uplot/LICENSE"), "*/\n", include_str!("uplot/uPlot.iife.min.js")),
    include_str!("script/read.js"),
    include_str!("script/paint.js"),
    include_str!("script/lanes.js"),
    include_str!("script/diagram.js"),
    include_str!("script/ground.js"),
    include_str!("script/arrows.js"),
    include_str!("script/gestures.js"),
    include_str!("script/panel.js"),
    include_str!("script/charts.js"),
    include_str!("script/main.js"),
];

/// Writes the page.
pub(super) fn page(sheet: &Sheet, data: &Data) -> Result<String, Error> {
    let (style, script) = (STYLES.join("\n"), SCRIPTS.join("\n"));
    let json = serde_json::to_string(data).map_err(|error| {
        Error::new(minijinja::ErrorKind::BadSerialization, "the page's data is no JSON").with_source(error)
    })?;
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.render_str(
        TEMPLATE,
        context! {
            sheet => Value::from(Serde(sheet)),
            policy => policy(&style, &script),
            style => Value::from_safe_string(style),
            script => Value::from_safe_string(script),
            data => Value::from_safe_string(inert(&json)),
        },
    )
}

/// What the browser may do with this file: show its own style, run its own script, nothing else. It names both by their
/// hashes, so that nothing that came in by a name or a payload could run even if it got past the escaping.
///
/// Source: W3C, "Content Security Policy Level 3", hash sources; `sandbox` and `frame-ancestors` do not work in a `meta`.
fn policy(style: &str, script: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(script),
        hash(style)
    )
}

/// JSON that says the same and ends no script element: these signs stand in its strings only.
fn inert(json: &str) -> String {
    let mut inert = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => inert.push_str("\\u003c"),
            '>' => inert.push_str("\\u003e"),
            '&' => inert.push_str("\\u0026"),
            '\u{2028}' => inert.push_str("\\u2028"),
            '\u{2029}' => inert.push_str("\\u2029"),
            c => inert.push(c),
        }
    }
    inert
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inert_json_says_the_same_and_has_no_sign_that_html_knows() {
        let said = "</script><!--\u{2028}&amp;";
        let json = inert(&serde_json::to_string(said).expect("a string is JSON"));
        assert!(!json.contains(['<', '>', '&', '\u{2028}']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).expect("it is JSON"), said);
    }

    #[test]
    fn no_script_and_no_style_ends_its_own_element() {
        for script in SCRIPTS {
            assert!(!script.to_lowercase().contains("</script") && !script.contains("<!--"));
        }
        assert!(STYLES.iter().all(|style| !style.to_lowercase().contains("</style")));
        // What uPlot itself does is its own; of ours nothing makes markup of text.
        for script in &SCRIPTS[1..] {
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch("] {
                assert!(!script.contains(word), "{word}");
            }
        }
    }
}
