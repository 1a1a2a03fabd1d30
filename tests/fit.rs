//! Requests made right for their targets: hand-written examples for every rule, and properties that hold for all.
//!
//! `tests/fit/<rule>.json` is a list of cases: a request, the target it goes to, and what it has to be afterwards. The
//! model's name is left out on both sides.

use pointsman::{
    catalog::{Catalog, Model},
    edit,
    effort::Effort,
    fit::{Fit, Fitted, Rules, RulesFault, Wanted},
    traits::Traits,
    wire::{Dialect, request::RequestView},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, fs, path::PathBuf, sync::LazyLock};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::built_in().unwrap());

#[path = "fit/properties.rs"]
mod properties;

fn dialect(name: &str) -> Dialect {
    Dialect::ALL.into_iter().find(|dialect| dialect.name() == name).unwrap()
}

/// A model of the built-in catalogue, or one made of an operator's entry.
fn model(target: &str, entry: Option<&Value>) -> (String, Model) {
    let (provider, id) = target.split_once('/').unwrap();
    let catalog = match entry {
        None => CATALOG.clone(),
        Some(entry) => {
            let mut entry = entry.clone();
            entry["provider"] = provider.into();
            entry["id"] = id.into();
            let provider = json!({ "name": provider, "display": provider });
            let document = json!({ "as_of": "2026-11-23", "providers": [provider], "models": [entry] });
            Catalog::from_json(document.to_string().as_bytes()).unwrap()
        }
    };
    let model = catalog.model(provider, id).unwrap_or_else(|| panic!("{target} is not in the catalogue"));
    (provider.to_owned(), model.clone())
}

/// Fits a request and checks what holds for every fit.
fn fitted(fit: &Fit, dialect: Dialect, body: &[u8], wanted: Wanted) -> (Vec<u8>, Fitted) {
    let view = RequestView::read(dialect, body).unwrap();
    let fitted = fit.edits(body, &view, wanted);
    let mut at = 0;
    for splice in &fitted.splices {
        assert!(at <= splice.start && splice.start <= splice.end && splice.end <= body.len(), "{fitted:?}");
        at = splice.end + 1;
    }
    (edit::apply(body, &fitted.splices), fitted)
}

struct Case {
    rule: String,
    dialect: Dialect,
    fit: Fit,
    model: String,
    wanted: Wanted,
    value: Value,
}

fn cases() -> Vec<Case> {
    let rules = Rules::built_in().unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fit");
    let mut cases = Vec::new();
    for id in rules.ids() {
        let text = fs::read(folder.join(format!("{id}.json")))
            .unwrap_or_else(|_| panic!("rule {id} has no example"));
        let values: Vec<Value> = serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{id}: {e}"));
        assert!(!values.is_empty(), "rule {id} has no example");
        for value in values {
            let dialect = dialect(value["dialect"].as_str().unwrap());
            let (provider, model) = model(value["target"].as_str().unwrap(), value.get("entry"));
            let effort =
                value.get("effort").map(|name| Effort::parse(name.as_str().unwrap().as_bytes()).unwrap());
            let drop_foreign_thinking = value.get("drop_foreign_thinking").is_some();
            cases.push(Case {
                rule: id.to_owned(),
                dialect,
                fit: Fit::resolve(&rules, dialect, &provider, &model),
                model: model.id,
                wanted: Wanted { effort, stream_usage: false, drop_foreign_thinking },
                value,
            });
        }
    }
    cases
}

fn with_model(request: &Value, model: &str) -> Value {
    let mut request = request.clone();
    request["model"] = model.into();
    request
}

#[test]
fn every_rule_does_what_its_examples_say() {
    for case in cases() {
        let Case { rule, value, .. } = &case;
        let before = with_model(&value["before"], "auto");
        let text = before.to_string();
        let view = RequestView::read(case.dialect, text.as_bytes()).unwrap();
        if let Some(refused) = value.get("refused") {
            let names = (case.fit.refuses() & view.traits).names();
            assert_eq!(json!(names), *refused, "{rule}: {before}");
        }
        let Some(after) = value.get("after") else { continue };
        let (out, fitted) = fitted(&case.fit, case.dialect, text.as_bytes(), case.wanted);
        let out: Value = serde_json::from_slice(&out).unwrap_or_else(|e| panic!("{rule}: {e}"));
        assert_eq!(out, with_model(after, &case.model), "{rule}: {before} {:?}", fitted.applied);
        if let Some(effort) = value.get("in_force") {
            assert_eq!(json!(fitted.effort.map(Effort::name)), *effort, "{rule}: {before}");
        }
        assert_eq!(
            fitted.applied.is_empty(),
            before == with_model(after, "auto"),
            "{rule}: {:?}",
            fitted.applied
        );
    }
}

#[test]
fn every_rule_has_an_example_that_it_changes_or_refuses() {
    let mut missing: BTreeSet<String> = cases().into_iter().map(|case| case.rule).collect();
    for case in cases() {
        let text = with_model(&case.value["before"], "auto").to_string();
        let (_, fitted) = fitted(&case.fit, case.dialect, text.as_bytes(), case.wanted);
        let refused = case.value.get("refused").is_some_and(|refused| refused != &json!([]));
        if refused || fitted.applied.iter().any(|id| **id == *case.rule) {
            missing.remove(&case.rule);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_example_has_its_rule() {
    let rules = Rules::built_in().unwrap();
    for file in fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fit")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(rules.ids().any(|id| id == name), "{name}");
        }
    }
}

#[test]
fn an_example_that_was_fitted_fits() {
    for case in cases() {
        let text = with_model(&case.value["before"], "auto").to_string();
        let (once, _) = fitted(&case.fit, case.dialect, text.as_bytes(), case.wanted);
        let (twice, again) = fitted(&case.fit, case.dialect, &once, case.wanted);
        assert_eq!(String::from_utf8(twice), String::from_utf8(once), "{}: {:?}", case.rule, again.applied);
        assert!(again.splices.is_empty() && again.applied.is_empty(), "{}: {again:?}", case.rule);
    }
}

#[test]
fn what_was_dropped_is_no_longer_refused() {
    for case in cases().iter().filter(|case| case.wanted.drop_foreign_thinking) {
        let text = with_model(&case.value["before"], "auto").to_string();
        let before = RequestView::read(case.dialect, text.as_bytes()).unwrap().traits;
        assert!(case.fit.droppable().holds(case.fit.refuses() & before), "{}", case.rule);
        let (once, _) = fitted(&case.fit, case.dialect, text.as_bytes(), case.wanted);
        let after = RequestView::read(case.dialect, &once).unwrap().traits;
        assert_eq!(case.fit.refuses() & after, Traits::NONE, "{}", case.rule);
        let kept = Wanted { drop_foreign_thinking: false, ..case.wanted };
        let (stay, _) = fitted(&case.fit, case.dialect, text.as_bytes(), kept);
        let stay: Value = serde_json::from_slice(&stay).unwrap();
        assert_eq!(stay["messages"], case.value["before"]["messages"], "{}", case.rule);
    }
}

#[test]
fn only_thinking_is_droppable() {
    let thinking = Traits::CLAUDE_SIGNATURE | Traits::OTHER_SIGNATURE | Traits::REDACTED_THINKING;
    let rules = Rules::built_in().unwrap();
    for model in CATALOG.models() {
        for dialect in Dialect::ALL {
            let fit = Fit::resolve(&rules, dialect, &model.provider, model);
            assert!(thinking.holds(fit.droppable()), "{}", model.id);
            assert!(fit.refuses().holds(fit.droppable()), "{}", model.id);
        }
    }
}

fn fit_of(target: &str, dialect: Dialect) -> Fit {
    let (provider, model) = model(target, None);
    Fit::resolve(&Rules::built_in().unwrap(), dialect, &provider, &model)
}

#[test]
fn an_ordinary_request_gets_one_splice() {
    let body =
        br#"{ "messages" : [{"role":"user","content":"temperature"}], "model":"auto" , "max_tokens": 5 }"#;
    let fit = fit_of("anthropic/claude-opus-5-5", Dialect::Messages);
    let (out, fitted) = fitted(&fit, Dialect::Messages, body, Wanted::default());
    assert_eq!(fitted.splices.len(), 1);
    assert_eq!(
        out,
        br#"{ "messages" : [{"role":"user","content":"temperature"}], "model":"claude-opus-5-5" , "max_tokens": 5 }"#
    );
}

#[test]
fn new_members_come_first_and_escaped_names_are_known() {
    let body =
        br#" {"mod\u0065l":"auto","t\u0065mperature":1 , "messages":[],"max_token\u0073":9,"r\u006fle":"x"}"#;
    let fit = fit_of("openai/gpt-5.2", Dialect::Chat);
    let wanted = Wanted { effort: Some(Effort::Low), ..Wanted::default() };
    let (out, _) = fitted(&fit, Dialect::Chat, body, wanted);
    let want = br#" {"reasoning_effort":"low","mod\u0065l":"gpt-5.2" , "messages":[],"max_completion_tokens":9,"r\u006fle":"x"}"#;
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(want));
}

#[test]
fn usage_is_asked_for_in_streams_only() {
    let fit = fit_of("mistral/codestral-latest", Dialect::Chat);
    let wanted = Wanted { stream_usage: true, ..Wanted::default() };
    for (before, after) in [
        (json!({}), json!({})),
        (json!({ "stream": false }), json!({ "stream": false })),
        (json!({ "stream": true }), json!({ "stream": true, "stream_options": { "include_usage": true } })),
        (
            json!({ "stream": true, "stream_options": { "x": 1, "include_usage": false } }),
            json!({ "stream": true, "stream_options": { "x": 1, "include_usage": true } }),
        ),
        (
            json!({ "stream": true, "stream_options": null }),
            json!({ "stream": true, "stream_options": { "include_usage": true } }),
        ),
    ] {
        let text = with_model(&before, "codestral-latest").to_string();
        let (out, applied) = fitted(&fit, Dialect::Chat, text.as_bytes(), wanted);
        let out: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(out, with_model(&after, "codestral-latest"));
        assert_eq!(applied.applied.is_empty(), before == after);
    }
    let fit = fit_of("anthropic/claude-opus-5-5", Dialect::Messages);
    let text = json!({ "model": "claude-opus-5-5", "stream": true, "messages": [] }).to_string();
    assert!(fitted(&fit, Dialect::Messages, text.as_bytes(), wanted).1.splices.is_empty());
}

#[test]
fn many_edits_stay_within_the_bound() {
    let block = r#"{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}"#;
    let blocks = vec![block; 2 * pointsman::limits::SPLICES].join(", ");
    let body = format!(r#"{{"model":"auto","messages":[{{"role":"user","content":[{blocks}]}}]}}"#);
    let fit = fit_of("openai/gpt-5.1", Dialect::Chat);
    let (out, fitted) = fitted(&fit, Dialect::Chat, body.as_bytes(), Wanted::default());
    assert!(fitted.splices.len() <= pointsman::limits::SPLICES);
    let want = body.replace(r#","cache_control":{"type":"ephemeral"}"#, "").replace("auto", "gpt-5.1");
    assert!(out == want.as_bytes());
}

#[test]
fn every_target_takes_every_effort() {
    let rules = Rules::built_in().unwrap();
    for model in CATALOG.models() {
        for dialect in Dialect::ALL {
            let fit = Fit::resolve(&rules, dialect, &model.provider, model);
            for effort in Effort::ALL {
                let body = json!({ "model": "auto", "messages": [], "max_tokens": 30000 }).to_string();
                let wanted = Wanted { effort: Some(effort), ..Wanted::default() };
                let (out, first) = fitted(&fit, dialect, body.as_bytes(), wanted);
                let view = RequestView::read(dialect, &out).unwrap();
                let listed = &model.reasoning.efforts;
                if model.provider != "openrouter"
                    && let Some(word) = view.asked.effort
                    && !listed.is_empty()
                {
                    assert!(listed.contains(&word), "{} {word}", model.id);
                }
                // The client's own wish, now standing in the request, is understood as the same.
                let (again, second) = fitted(&fit, dialect, &out, Wanted::default());
                assert_eq!(
                    String::from_utf8_lossy(&again),
                    String::from_utf8_lossy(&out),
                    "{} {effort}",
                    model.id
                );
                if first.effort.is_some() && fit_says_effort(&view) {
                    assert_eq!(second.effort, first.effort, "{}/{} {effort}", model.provider, model.id);
                }
            }
        }
    }
}

/// Whether a request says something exact about thinking.
fn fit_says_effort(view: &RequestView) -> bool {
    view.asked.effort.is_some()
}

#[test]
fn a_rule_that_cannot_be_right_is_named() {
    let rule = |body: Value| {
        let mut rule = body.as_object().unwrap().clone();
        rule.entry("id").or_insert("r1".into());
        rule.entry("when").or_insert(Value::Object(Map::new()));
        rule.insert("source".into(), "s".into());
        rule.insert("verified".into(), false.into());
        let budgets = json!({ "minimal": 1, "low": 2, "medium": 3, "high": 4, "xhigh": 5, "max": 6 });
        let document = json!({ "version": 1, "as_of": "2026-11-23", "budgets": budgets, "rules": [rule] });
        Rules::from_json(document.to_string().as_bytes())
    };
    let drop = |at: &str| json!({ "edit": [{ "op": "drop", "at": [at] }] });
    assert_eq!(rule(drop("temperature")).unwrap().len(), 1);
    for (body, fault) in [
        (drop("messages.*.x"), RulesFault::Untriggered),
        (drop("a..b"), RulesFault::Place("a..b".into())),
        (drop("*"), RulesFault::Place("*".into())),
        (json!({}), RulesFault::Idle),
        (json!({ "id": "a b", "refuse": ["tools"] }), RulesFault::Name),
        (json!({ "refuse": ["nothing"] }), RulesFault::Unknown("nothing".into())),
        (json!({ "refuse": ["tools"], "when": { "dialect": ["x"] } }), RulesFault::Unknown("x".into())),
        (json!({ "effort": { "clamp": { "low": "x" } } }), RulesFault::Unknown("x".into())),
        (json!({ "edit": [{ "op": "clamp", "at": ["t"], "min": "x" }] }), RulesFault::Number("x".into())),
    ] {
        let error = rule(body).unwrap_err();
        assert_eq!((error.rule.as_str() == "a b" || error.rule == "r1", error.what), (true, fault));
    }
    assert!(matches!(rule(json!({ "reffuse": [] })).unwrap_err().what, RulesFault::Document(_)));
}
