//! Claude Code, Codex and opencode, unmodified, each as it is told to be pointed at a gateway.

use std::path::Path;

use live::folder::Folder;
use pointsman_cli::clients::recipes;
use pointsman_sim::{Provider, Seen, Vendor};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    scripts::{finished, ready},
    stage::{Script, key_of},
};

/// What a person types.
const TASK: &str = "Fix the bug in m.py";

/// What a host needs for the agents: three providers, and `auto`, whose conversations all go to the upper tier.
pub fn script(script: Script) -> Script {
    let tiers = json!([
        { "name": "cheap", "targets": ["minimax/MiniMax-M3.1-Flash", "anthropic/claude-haiku-4-5"] },
        { "name": "frontier", "targets": ["anthropic/claude-opus-4-6", "openai/gpt-5.1"] },
    ]);
    script
        .provider("minimax", Vendor::MiniMax)
        .provider("openai", Vendor::OpenAi)
        .provider("anthropic", Vendor::Anthropic)
        .set("/ladders/agents", json!({ "tiers": tiers, "thresholds": [1] }))
        .set("/aliases/auto", json!("agents"))
}

/// Lets each agent work on a small project through the router at `url`, and looks at what its providers saw.
///
/// # Panics
/// Where an agent fails, or a provider sees what it should not.
pub async fn work(url: &str, providers: &[&Provider]) {
    let seen = |name: &str| {
        let provider = providers.iter().find(|provider| provider.name() == name).expect("a provider");
        provider.requests()
    };
    let line = |title: &str| {
        let recipes = recipes(url, "auto", "any");
        let recipe = recipes.into_iter().find(|recipe| recipe.title.starts_with(title)).expect("a recipe");
        recipe.lines.join(" ")
    };
    let project = Folder::new("agents").expect("a folder");
    let home = Folder::new("agents-home").expect("a folder");
    let write = |file: &str, text: &str| std::fs::write(project.path().join(file), text).expect("a file");
    write("m.py", "def add(a, b):\n    return a - b\n");
    write("opencode.json", &line("opencode"));
    let type_in = |line: String| run(line, project.path(), home.path());

    let claude = line("Claude Code");
    let answer = type_in(format!("{claude} -p '{TASK}'")).await;
    assert!(!answer.is_empty(), "Claude Code answers");
    type_in(format!("{claude} -c -p /compact")).await;
    let answer = type_in(format!("{claude} -c -p --permission-mode plan 'yes, go on'")).await;
    assert!(!answer.is_empty(), "Claude Code answers after the compaction");
    let (asides, work) = of_claude(&seen("anthropic"));
    assert!(!asides.is_empty() && asides.iter().all(|model| model == "claude-haiku-4-5"), "{asides:?}");
    assert!(work.len() >= 3 && work.iter().all(|model| model == "claude-opus-4-6"), "{work:?}");

    type_in(
        line("Codex").replacen("codex -m", "codex exec --skip-git-repo-check -m", 1) + &format!(" '{TASK}'"),
    )
    .await;
    let models: Vec<String> = seen("openai").iter().map(Seen::model).collect();
    assert!(models.len() >= 2 && models.iter().all(|model| model == "gpt-5.1"), "{models:?}");

    type_in(format!("opencode run '{TASK}'")).await;
    let chat =
        |name: &str| seen(name).into_iter().filter(|seen| seen.path.ends_with("/chat/completions")).count();
    assert_eq!(chat("minimax"), 1, "opencode's title is cheap");
    assert!(chat("anthropic") >= 1, "its work is not");

    for provider in providers {
        for seen in provider.requests() {
            assert_eq!(seen.status, Some(200), "{}: {:?}", provider.name(), seen.refusal);
            let key = seen.header("authorization").or_else(|| seen.header("x-api-key")).unwrap_or_default();
            assert!(key.ends_with(&key_of(provider.name())), "{}: {key}", provider.name());
        }
    }
}

/// Models that Claude Code's titles went to, and those of its work, which comes with tools.
fn of_claude(seen: &[Seen]) -> (Vec<String>, Vec<String>) {
    let has_tools = |seen: &&Seen| {
        let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
        body["tools"].as_array().is_some_and(|tools| !tools.is_empty())
    };
    let (work, asides): (Vec<&Seen>, Vec<&Seen>) = seen.iter().partition(has_tools);
    let models = |list: Vec<&Seen>| list.into_iter().map(Seen::model).collect();
    (models(asides), models(work))
}

/// Runs a line as a person would type it, in a home of its own that nothing leads out of. What it prints.
async fn run(line: String, project: &Path, home: &Path) -> String {
    let mut path = ready(live::agents::folder).into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // Nothing listens there: what an agent has to say to others than the router goes nowhere.
    let nowhere = "http://127.0.0.1:9";
    let mut command = Command::new("sh");
    command
        .args(["-c", &line])
        .current_dir(project)
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .envs([("HTTP_PROXY", nowhere), ("HTTPS_PROXY", nowhere), ("NO_PROXY", "127.0.0.1")])
        .envs([("DISABLE_AUTOUPDATER", "1"), ("OPENCODE_DISABLE_AUTOUPDATE", "1")])
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1");
    finished(command, &line).await.trim().to_owned()
}
