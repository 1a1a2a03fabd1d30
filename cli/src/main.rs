//! `pointsman check | explain | token | envoy | serve`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use pointsman_cli::{
    calibrate, check, document::Document, envoy, explain, paint, score, serve, token, worker,
};

/// What a request allocates on one thread another often frees, which glibc's allocator pays for with locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Decides, at the network edge, which model answers an LLM request and how much it may think.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what is wrong with a configuration, or, in a table, what will happen.
    Check {
        /// The configuration document, YAML or JSON.
        config: PathBuf,
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
    },
    /// Print the decision for one request, with every reason and the exact changes.
    Explain {
        /// The configuration document, YAML or JSON.
        config: PathBuf,
        /// File with the request's body; `-` reads standard input.
        request: PathBuf,
        /// The endpoint it was sent to. Without it, the body's shape is taken for a hint.
        #[arg(long, value_name = "PATH")]
        path: Option<String>,
        /// A header of the request, `name: value`. May be given more than once.
        #[arg(long = "header", value_name = "HEADER")]
        headers: Vec<String>,
        /// What is taken to be spent of a budget, `NAME=DOLLARS`. May be given more than once.
        #[arg(long = "spent", value_name = "BUDGET=USD")]
        spent: Vec<String>,
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
    },
    /// Make a token for a caller, and the line of the configuration that lets it in.
    Token {
        /// The caller's name.
        name: String,
        /// Take the token from standard input instead of making one.
        #[arg(long)]
        stdin: bool,
    },
    /// Find the thresholds for a share of your own traffic, or for a part of what a strong model gains on it.
    ///
    /// Takes prompts and requests as `pointsman score` does, and lines of the access log. A line may say what the strong
    /// model gained: `"gain": 0.5`, or `"scores": {MODEL: 0..1}` with --strong and --cheap. Then what is kept is measured;
    /// without it, it is what the shipped calibration expects.
    Calibrate {
        /// JSON lines; `-` is standard input.
        log: PathBuf,
        /// Share of the traffic for the last tier, at most, 0 to 1. Without it and --quality: 0.2.
        #[arg(long, value_name = "SHARE", conflicts_with = "quality")]
        share: Option<f64>,
        /// Part of the gain to keep, at least, 0 to 1.
        #[arg(long, value_name = "PART")]
        quality: Option<f64>,
        /// Tiers of the ladder. Without it and --config: 2.
        #[arg(long, value_name = "COUNT", conflicts_with = "config")]
        tiers: Option<usize>,
        /// The configuration document whose ladder it is for.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Which of its ladders.
        #[arg(long, value_name = "NAME", requires = "config")]
        ladder: Option<String>,
        /// The strong one of the models in `scores`.
        #[arg(long, value_name = "MODEL", requires = "cheap")]
        strong: Option<String>,
        /// The cheap one.
        #[arg(long, value_name = "MODEL", requires = "strong")]
        cheap: Option<String>,
        /// File to write the thresholds to, as a piece of a configuration.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
    },
    /// Score prompts: how much a strong model is expected to gain on each.
    ///
    /// Reads lines `{"id", "prompt"}` or `{"id", "body"}` (a whole request), or request bodies themselves, and writes
    /// lines `{"id", "score", "task", "confidence"}`. A higher score needs the stronger model more.
    Score {
        /// Files of JSON lines. Without any, or as `-`, standard input.
        files: Vec<PathBuf>,
    },
    /// Write everything Envoy needs: bootstrap, clusters, filter, secrets.
    Envoy {
        /// The configuration document, YAML or JSON.
        config: PathBuf,
        /// Folder to write to. Run again over it to change a running Envoy.
        #[arg(long, default_value = "envoy-conf", value_name = "DIR")]
        out: PathBuf,
    },
    /// Write what wrangler needs for the Cloudflare Worker: bindings, the document, the secrets' names.
    Worker {
        /// The configuration document, YAML or JSON.
        config: PathBuf,
        /// Folder to write to.
        #[arg(long, default_value = "worker-conf", value_name = "DIR")]
        out: PathBuf,
    },
    /// Run the gateway here: routing, failover, metering, without Envoy.
    ///
    /// Keys come from the environment, one variable for each provider. A change of the document is taken up at once,
    /// also on SIGHUP; a wrong one is reported, and the old one stays.
    Serve {
        /// The configuration document, YAML or JSON.
        config: PathBuf,
        /// Say in one line of JSON where it listens.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            paint::error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<(), Box<dyn std::error::Error>> {
    match command {
        Command::Check { config, json } => check::run(&Document::read(config)?, &today(), *json),
        Command::Explain { config, request, path, headers, spent, json } => {
            let body = explain::read_body(request)?;
            explain::run(&Document::read(config)?, &body, path.as_deref(), headers, spent, *json)
        }
        Command::Token { name, stdin } => token::run(name, *stdin),
        Command::Calibrate { log, share, quality, tiers, config, ladder, strong, cheap, out, json } => {
            calibrate::run(&calibrate::Options {
                log: log.clone(),
                share: *share,
                quality: *quality,
                tiers: *tiers,
                config: config.clone(),
                ladder: ladder.clone(),
                models: strong.clone().zip(cheap.clone()),
                out: out.clone(),
                json: *json,
            })
        }
        Command::Score { files } => score::run(files),
        Command::Envoy { config, out } => write_envoy(&Document::read(config)?, out),
        Command::Worker { config, out } => write_worker(&Document::read(config)?, out),
        Command::Serve { config, json } => serve::run(config, *json),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the core has no environment; the command hands it the keys' names"
)]
fn write_envoy(document: &Document, out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::path::absolute(out)?;
    let files = envoy::Files::new(document, &folder, |variable| std::env::var(variable).ok())
        .map_err(|error| document.wrong(error))?;
    for path in files.write(&folder)? {
        paint::done(&format!("wrote {}", path.display()));
    }
    for secret in files.secrets.iter().filter(|secret| !secret.present) {
        paint::warning(&format!(
            "{}: {} is not set; requests to this provider will be refused until it is and this command is run again",
            secret.provider, secret.variable
        ));
    }
    let settings = envoy::Settings::of(&document.config)?;
    if !settings.wasm.exists() {
        paint::warning(&format!(
            "{} is not there yet; `cargo xtask dist` builds the filter",
            settings.wasm.display()
        ));
    }
    paint::next(&format!("envoy -c {}", folder.join("envoy.yaml").display()));
    Ok(())
}

/// The command is run in the project's folder, where the Worker is built.
fn write_worker(document: &Document, out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let files =
        worker::Files::new(document, &std::path::absolute(".")?).map_err(|error| document.wrong(error))?;
    for path in files.write(out)? {
        paint::done(&format!("wrote {}", path.display()));
    }
    if files.too_large {
        paint::warning(
            "the document is larger than a text binding may be; name a KV namespace (`worker: { kv: ID }`) and put \
             config.json into it",
        );
    }
    let config = out.join("wrangler.toml");
    for name in &files.names {
        paint::next(&format!("npx wrangler secret put {name} --config {}", config.display()));
    }
    paint::next(&format!("npx wrangler deploy --config {}", config.display()));
    Ok(())
}

/// Today in UTC, `YYYY-MM-DD`. The core has no clock, so the command tells it.
#[expect(clippy::disallowed_methods, reason = "the core has no clock; the command tells it the day")]
fn today() -> String {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs());
    check::date(seconds)
}
