//! How clients are pointed at a gateway: the exact lines.

use serde_json::json;

/// A client and what to type or write for it.
#[derive(Debug)]
pub struct Recipe {
    /// The client.
    pub title: &'static str,
    /// Lines for a shell, a program or a file.
    pub lines: Vec<String>,
}

/// The lines for a gateway at `url` (no slash at its end) and a model name that it routes. `token` is what stands where
/// clients insist on a key: any word, where the gateway knows no callers.
pub fn recipes(url: &str, model: &str, token: &str) -> Vec<Recipe> {
    let example = json!({ "model": model, "messages": [{ "role": "user", "content": "Hello!" }] });
    let recipe = |title, lines: &[String]| Recipe { title, lines: lines.to_vec() };
    vec![
        recipe(
            "curl",
            &[format!(
                "curl {url}/v1/chat/completions -H 'authorization: Bearer {token}' -H 'content-type: application/json' \
                 -d '{example}'"
            )],
        ),
        recipe(
            "Claude Code",
            &[format!(
                "ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN={token} ANTHROPIC_MODEL={model} \
                 ANTHROPIC_DEFAULT_HAIKU_MODEL={model} claude"
            )],
        ),
        recipe(
            "Codex",
            &[format!(
                "POINTSMAN_TOKEN={token} codex -m {model} -c model_provider=pointsman -c \
                 'model_providers.pointsman={{name=\"Pointsman\",base_url=\"{url}/v1\",wire_api=\"responses\",\
                 env_key=\"POINTSMAN_TOKEN\"}}'"
            )],
        ),
        recipe(
            "opencode (opencode.json)",
            &[json!({ "provider": { "pointsman": {
                "npm": "@ai-sdk/openai-compatible",
                "options": { "baseURL": format!("{url}/v1"), "apiKey": token },
                "models": { model: {} },
            }}, "model": format!("pointsman/{model}") })
            .to_string()],
        ),
        recipe(
            "OpenAI SDK",
            &[
                format!("client = OpenAI(base_url=\"{url}/v1\", api_key=\"{token}\")"),
                format!("client.chat.completions.create(model=\"{model}\", messages=[…])"),
            ],
        ),
        recipe(
            "Anthropic SDK",
            &[
                format!("client = Anthropic(base_url=\"{url}\", api_key=\"{token}\")"),
                format!("client.messages.create(model=\"{model}\", max_tokens=1024, messages=[…])"),
            ],
        ),
    ]
}
