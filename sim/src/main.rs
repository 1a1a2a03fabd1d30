//! Simulated model providers on the command line.
//!
//! ```text
//! sim --vendor anthropic --port 9001 --key K1 --vendor minimax --port 9002 --key K2 --gap-ms 20
//! ```
//!
//! Each `--vendor` begins another provider; the options after it are its own. `--log`, anywhere, prints one line a
//! request.

use std::process::ExitCode;
use std::time::Duration;

use pointsman_sim::{Bench, Fault, Options, Provider, Seen, TlsIdentity, Vendor};

const HELP: &str = "\
sim --vendor NAME [options] [--vendor NAME [options]]... [--log]

NAME: anthropic, openai, minimax, deepseek, moonshot, zai, openrouter, generic

  --port N            where to listen on 127.0.0.1 (a free port)
  --key KEY           the only key it takes (sk-sim; empty: none)
  --name TEXT         its name in the log
  --tls-cert FILE     certificate chain, PEM
  --tls-key FILE      its key, PEM
  --gap-ms N          between events (1)
  --deltas N          text deltas a stream (about one for twelve bytes)
  --model NAME        generic: serves this model only; may be repeated
  --base-path PATH    generic: before /chat/completions (/v1)
  --status N          answers every request with this status
  --bench             answers at once with fixed bytes, checks nothing

  --log               prints one line a request
";

/// An option that cannot be taken.
struct Wrong(String);

struct Setup {
    options: Options,
    cert: Option<String>,
    tls_key: Option<String>,
    fault: Fault,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() || arguments.iter().any(|argument| argument == "--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Wrong(text)) => {
            eprintln!("sim: {text}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), Wrong> {
    let (setups, log) = parse(arguments)?;
    let mut providers = Vec::new();
    for mut setup in setups {
        setup.options.tls = match (&setup.cert, &setup.tls_key) {
            (Some(cert), Some(key)) => Some(TlsIdentity { cert_pem: file(cert)?, key_pem: file(key)? }),
            (None, None) => None,
            _ => return Err(Wrong("--tls-cert and --tls-key go together".into())),
        };
        let scheme = if setup.options.tls.is_some() { "https" } else { "http" };
        let name = setup.options.name.clone();
        let provider =
            Provider::start(setup.options).await.map_err(|error| Wrong(format!("{name}: {error}")))?;
        provider.set_fault(setup.fault);
        println!("{name} {scheme}://{}", provider.addr());
        providers.push(provider);
    }
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            _ = tick.tick() => providers.iter().for_each(|provider| report(provider, log)),
        }
    }
}

/// Prints what is done and forgets it, so that a long run does not grow.
fn report(provider: &Provider, log: bool) {
    let done: Vec<Seen> = provider.take_answered();
    if log {
        for seen in done {
            println!("{}", line(provider.name(), &seen));
        }
    }
}

fn line(name: &str, seen: &Seen) -> String {
    let status = seen.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let mut line = format!("{name} {} {} {} {status}", seen.method, seen.path, seen.model());
    if let Some(billed) = seen.billed {
        line.push_str(&format!(
            " fresh={} read={} written={} out={} thinking={}",
            billed.fresh,
            billed.cache_read,
            billed.cache_write(),
            billed.output,
            billed.reasoning
        ));
    }
    if let Some(refusal) = &seen.refusal {
        line.push_str(&format!(" {refusal:?}"));
    }
    line
}

fn parse(arguments: &[String]) -> Result<(Vec<Setup>, bool), Wrong> {
    let mut setups: Vec<Setup> = Vec::new();
    let mut log = false;
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        if flag == "--log" {
            log = true;
            continue;
        }
        if flag == "--bench" {
            current(&mut setups, flag)?.options.bench = Some(Bench::AsAsked);
            continue;
        }
        let value = rest.next().ok_or_else(|| Wrong(format!("{flag} wants a value")))?;
        if flag == "--vendor" {
            let vendor =
                Vendor::named(value).ok_or_else(|| Wrong(format!("no vendor is called {value:?}")))?;
            let options = Options::new(vendor, "sk-sim");
            setups.push(Setup { options, cert: None, tls_key: None, fault: Fault::None });
            continue;
        }
        let setup = current(&mut setups, flag)?;
        let options = &mut setup.options;
        match flag.as_str() {
            "--port" => options.addr.set_port(number(flag, value)?),
            "--key" => options.key = value.clone(),
            "--name" => options.name = value.clone(),
            "--tls-cert" => setup.cert = Some(value.clone()),
            "--tls-key" => setup.tls_key = Some(value.clone()),
            "--gap-ms" => options.speed.gap = Duration::from_millis(number(flag, value)?),
            "--deltas" => options.speed.deltas = Some(number(flag, value)?),
            "--model" => options.models.push(value.clone()),
            "--base-path" => options.base_path = value.clone(),
            "--status" => setup.fault = Fault::Status(number(flag, value)?),
            _ => return Err(Wrong(format!("unknown option {flag}"))),
        }
    }
    if setups.is_empty() { Err(Wrong("no --vendor".into())) } else { Ok((setups, log)) }
}

fn current<'a>(setups: &'a mut [Setup], flag: &str) -> Result<&'a mut Setup, Wrong> {
    setups.last_mut().ok_or_else(|| Wrong(format!("{flag} comes before any --vendor")))
}

fn number<T: std::str::FromStr>(flag: &str, value: &str) -> Result<T, Wrong> {
    value.parse().map_err(|_| Wrong(format!("{flag} {value:?} is not a number in range")))
}

fn file(path: &str) -> Result<String, Wrong> {
    std::fs::read_to_string(path).map_err(|error| Wrong(format!("{path}: {error}")))
}
