//! The dial as an operator turns it: scores of lines, thresholds from a log, and what a document comes to.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

/// A folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dial-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pointsman(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // A command that ends early does not read its input.
    let _ = writer.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn json_of(arguments: &[&str], input: &[u8]) -> Value {
    serde_json::from_str(&stdout(&pointsman(arguments, input))).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const HARD: &str =
    "Write a function in Python that merges intervals that overlap. Return the merged list, sorted by start.";

#[test]
fn a_prompt_and_the_requests_that_hold_it_have_one_score() {
    let chat = json!({ "model": "auto", "messages": [
        { "role": "system", "content": "You are terse." }, { "role": "user", "content": HARD } ] });
    let messages = json!({ "model": "auto", "max_tokens": 9, "system": "You are terse.", "messages": [
        { "role": "user", "content": [ { "type": "text", "text": HARD } ] } ] });
    let responses = json!({ "model": "auto", "input": HARD });
    let mut input = Vec::new();
    for line in [
        json!({ "id": "first", "prompt": HARD }),
        json!({ "id": { "any": ["json"] }, "body": chat }),
        json!({ "id": 3, "body": chat.to_string() }),
        messages,
        responses,
        json!({ "prompt": [ { "role": "user", "content": HARD } ], "more": "is ignored" }),
        json!({ "id": "easy", "prompt": "Hi!" }),
    ] {
        writeln!(input, "{line}").unwrap();
    }
    let found = lines(&pointsman(&["score"], &input));
    let ids: Vec<&Value> = found.iter().map(|line| &line["id"]).collect();
    let any = json!({ "any": ["json"] });
    assert_eq!(ids, [&json!("first"), &any, &json!(3), &json!(4), &json!(5), &json!(6), &json!("easy")]);
    for line in &found[..6] {
        for part in ["score", "task", "confidence"] {
            assert_eq!(line[part], found[0][part], "{line}");
        }
    }
    assert_eq!(found[0]["task"], "code");
    assert!(found[6]["score"].as_f64() < found[0]["score"].as_f64());
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_counted_and_ends_nothing() {
    let folder = Folder::new("unread");
    let mut bad =
        b"{\"id\": 7, \"prompt\": \"Hi!\"}\n\nnot json\n{\"id\": \"x\", \"text\": 1}\n[1]\n".to_vec();
    bad.extend(b"{\"id\": 8, \"prompt\": \"\xff\xfe\"}\n{\"id\": 9, \"prompt\": 5}\n");
    bad.extend(b"{\"id\": 10, \"body\": {\"messages\": []}}\n{\"id\": 11, \"prompt\": \"Hi!\"}");
    let (first, second) = (folder.write("a.jsonl", "{\"prompt\": \"Hi!\"}\n"), folder.write("b.jsonl", bad));
    let output = pointsman(&["score", &first, &second], b"");
    let found = lines(&output);
    let shown: Vec<(String, bool)> =
        found.iter().map(|line| (line["id"].to_string(), line["score"].is_null())).collect();
    let expected =
        [("1", false), ("7", false), ("3", true), ("\"x\"", true), ("5", true), ("8", false), ("9", true)];
    let expected = expected.into_iter().chain([("10", true), ("11", false)]);
    assert!(shown.iter().map(|(id, null)| (id.as_str(), *null)).eq(expected), "{shown:?}");
    assert_eq!(found[3]["line"], 4);
    assert!(found[3]["error"].as_str().unwrap().contains("`prompt` or a `body`"), "{}", found[3]);
    let said = text(&output.stderr);
    for part in ["b.jsonl, line 3: expected", "b.jsonl, line 4", "9 lines, 5 of them not read", "a second"] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    let absent = pointsman(&["score", &first, "nowhere.jsonl"], b"");
    assert!(
        !absent.status.success()
            && absent.stdout.is_empty()
            && text(&absent.stderr).contains("nowhere.jsonl")
    );
}

#[test]
fn many_lines_keep_their_order_and_a_closed_pipe_is_no_error() {
    let (mut input, ignored) = (String::new(), "x".repeat(2000));
    for n in 0..3000 {
        input.push_str(&format!(
            "{{\"id\":{n},\"prompt\":\"What is {n} times {n}?\",\"note\":\"{ignored}\"}}\n"
        ));
    }
    assert!(input.len() > 4 << 20, "more than is judged at once");
    let found = lines(&pointsman(&["score", "-"], input.as_bytes()));
    assert!(found.iter().map(|line| line["id"].as_u64().unwrap()).eq(0..3000));

    let folder = Folder::new("pipe");
    let file = folder.write("many.jsonl", input);
    let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["score", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("{\"id\":0,"), "{first}");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

/// Lines of the access log, as the gateway writes them and as Envoy does; difficulties 0 to 999.
fn log(extra: impl Fn(usize) -> &'static str) -> String {
    let line = |n: usize| match n % 2 {
        0 => format!("{{\"time\":\"t\",\"reason\":\"difficulty\",\"difficulty\":{n}{}}}\n", extra(n)),
        _ => format!("{{\"time\":\"t\",\"reason\":\"difficulty\",\"difficulty\":\"{n}\"{}}}\n", extra(n)),
    };
    (0..1000).map(line).collect()
}

#[test]
fn a_share_of_ones_own_traffic_becomes_thresholds_and_is_written() {
    let folder = Folder::new("share");
    let mut traffic = log(|_| "");
    traffic.push_str("{\"time\":\"t\",\"reason\":\"not_routed\",\"difficulty\":null}\n{\"time\":\"t\",\"reason\":\"x\"}\noops\n");
    let path = folder.write("log.jsonl", &traffic);
    let report = json_of(&["calibrate", &path, "--share", "0.25", "--json"], b"");
    assert_eq!(report["thresholds"], json!([750]));
    assert_eq!([&report["judged"], &report["unjudged"], &report["unread"]], [1000, 2, 1]);
    assert_eq!((&report["frontier_share"], &report["kept_by"]), (&json!(0.25), &json!("calibration")));
    let curve = report["curve"].as_array().unwrap();
    assert!(curve.is_sorted_by_key(|row| (row["sent"].as_f64(), row["kept"].as_f64())), "{curve:?}");

    let out = folder.0.join("dial.json").display().to_string();
    let output =
        pointsman(&["calibrate", "-", "--share", "0.1", "--tiers", "4", "--out", &out], traffic.as_bytes());
    let said = stdout(&output);
    for part in ["1000 requests", "not measured", "10.0 %", "░", "written to"] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    assert!(text(&output.stderr).contains("standard input, line 1003"), "{}", text(&output.stderr));
    let written: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!(written["thresholds"], json!([300, 600, 900]));

    // The last threshold and the names come from the ladder that it is for, and the ladder takes what was written.
    let document = |dial: &str| {
        format!(
            "version: 1\nladders: {{ default: {{ {dial}, tiers: [ {{ name: low, targets: [openai/gpt-5] }}, \
             {{ name: mid, targets: [openai/gpt-5] }}, {{ name: highest, targets: [openai/gpt-5] }} ] }} }}\n\
             aliases: {{ auto: default }}\n"
        )
    };
    let config = folder.write("c.yaml", document("frontier_share: 0.2"));
    let said = stdout(&pointsman(&["calibrate", &path, "--config", &config], b""));
    assert!(said.contains("[400, 800]") && said.contains("highest"), "{said}");
    let config = folder.write("c.yaml", document("thresholds: [400, 800]"));
    assert!(stdout(&pointsman(&["check", &config], b"")).contains("highest 800–1000"));
}

#[test]
fn a_quality_is_measured_where_the_log_says_what_was_gained() {
    // All that was gained lies below what the scores would have one think.
    let gained = |n: usize| match n {
        400..500 => ",\"gain\":1",
        500..520 => ",\"gain\":-0.5",
        _ => ",\"gain\":0",
    };
    let traffic = log(gained);
    let report = json_of(&["calibrate", "-", "--quality", "0.5", "--json"], traffic.as_bytes());
    assert_eq!((&report["kept_by"], &report["outcomes"]), (&json!("outcomes"), &json!(1000)));
    // 10 are lost on the way to the 100 that are gained; half of the 90 that are left is 45.
    assert_eq!(report["thresholds"], json!([445]));
    assert_eq!(report["kept"], json!(0.5));
    let interval = report["kept_interval"].as_array().unwrap();
    assert!(interval[0].as_f64() < Some(0.5) && interval[1].as_f64() > Some(0.5), "{interval:?}");
    let report = json_of(&["calibrate", "-", "--quality", "0.5", "--json"], log(|_| "").as_bytes());
    assert_eq!((&report["kept_by"], &report["kept_interval"]), (&json!("calibration"), &Value::Null));
    // Half of 0 + 1 + … + 999 lies above the root of one half.
    assert_eq!(report["thresholds"], json!([707]));

    let scored =
        log(|n| if n < 500 { ",\"scores\":{\"big\":0.75,\"small\":0.25}" } else { ",\"scores\":{}" });
    let models = ["calibrate", "-", "--quality", "1", "--strong", "big", "--cheap", "small", "--json"];
    let report = json_of(&models, scored.as_bytes());
    assert_eq!((&report["outcomes"], &report["thresholds"]), (&json!(500), &json!([0])));

    let lost = pointsman(&["calibrate", "-", "--quality", "0.5"], log(|_| ",\"gain\":-0.1").as_bytes());
    assert!(
        !lost.status.success() && text(&lost.stderr).contains("no gain to keep"),
        "{}",
        text(&lost.stderr)
    );
    for (arguments, cure) in [
        (&["--share", "0.2", "--quality", "0.9"][..], "cannot be used with"),
        (&["--quality", "90"], "--quality is from 0 to 1"),
        (&["--tiers", "1"], "at least two tiers"),
        (&["--strong", "big"], "--cheap"),
    ] {
        let output = pointsman(&[&["calibrate", "-"], arguments].concat(), traffic.as_bytes());
        assert!(!output.status.success() && text(&output.stderr).contains(cure), "{}", text(&output.stderr));
    }
}

#[test]
fn check_and_explain_say_what_a_quality_comes_to() {
    let folder = Folder::new("quality");
    let document = |dial: &str| {
        format!(
            "version: 1\nladders: {{ default: {{ {dial}, tiers: [ {{ name: cheap, targets: [minimax/MiniMax-M3.1-Flash] }}, \
             {{ name: dear, targets: [openai/gpt-6.1-sol] }} ] }} }}\naliases: {{ auto: default, half: {{ ladder: default, \
             frontier_share: 0.5 }} }}\n"
        )
    };
    let config = folder.write("c.yaml", document("quality: 0.9"));
    let said = stdout(&pointsman(&["check", &config], b""));
    assert!(said.contains("quality: 0.9") && said.contains("frontier_share: 0.5"), "{said}");
    let report = json_of(&["check", &config, "--json"], b"");
    let dial = &report["ladders"][0]["dial"];
    assert_eq!(dial["set_by"]["quality"], 0.9);
    let (share, kept) =
        (dial["on_the_mix"]["share"].as_f64().unwrap(), dial["on_the_mix"]["kept"].as_f64().unwrap());
    assert!((0.9..0.93).contains(&kept) && share < kept && share > 0.5, "{dial}");
    // Neighbouring hundredths may reach the same permille; then the threshold sends them all.
    let half = report["aliases"][1]["dial"]["on_the_mix"]["share"].as_f64().unwrap();
    assert!((0.5..0.54).contains(&half), "{half}");

    let request = json!({ "model": "auto", "messages": [ { "role": "user", "content": HARD } ] }).to_string();
    let said = stdout(&pointsman(&["explain", &config, "-"], request.as_bytes()));
    assert!(said.contains("quality: 0.9, which is thresholds [") && said.contains("dear"), "{said}");
    let explained = json_of(&["explain", &config, "-", "--json"], request.as_bytes());
    assert_eq!(explained["dial"]["thresholds"], report["ladders"][0]["thresholds"]);

    let both = folder.write("both.yaml", document("quality: 0.9, thresholds: [200]"));
    let output = pointsman(&["check", &both], b"");
    let said = text(&output.stderr);
    assert!(!output.status.success());
    for part in ["both.yaml", "/ladders/default/quality", "`thresholds` already", "remove the others"] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}
