//! A router that dies on one request: that one is told so, the next is served.

use std::time::Duration;

use live::folder::Folder;
use pointsman_sim::Fault;
use real_hosts::{
    client::{Ask, Connection, Protocol},
    stage::Script,
    until,
};
use serde_json::json;

use crate::{CHAT, Stage, chat, messages, play, streamed};

/// Makes an instance whose `ask` dies on its second call.
const TRAPPED: &str = r#"
const { Instance } = WebAssembly;
let calls = 0;
WebAssembly.Instance = function (module, imports) {
  const { exports } = new Instance(module, imports);
  const ask = (...words) => {
    calls += 1;
    if (calls % 2 === 0) throw new WebAssembly.RuntimeError("unreachable");
    return exports.ask(...words);
  };
  return { exports: { ...exports, ask } };
};
"#;

/// Makes an instance that panics over a request whose body says so: it is asked for more room than there can be, which nothing
/// in the Worker does.
const PANICS: &str = r#"
const { Instance } = WebAssembly;
WebAssembly.Instance = function (module, imports) {
  const { exports } = new Instance(module, imports);
  let at = 0;
  const input = (length) => (at = exports.input(length));
  const ask = (head, length, now) => {
    const text = new TextDecoder().decode(new Uint8Array(exports.memory.buffer, at >>> 0, length));
    return text.includes("do panic") ? exports.input(0x90000000) : exports.ask(head, length, now);
  };
  return { exports: { ...exports, input, ask } };
};
"#;

/// The Worker as it ships, its instances made by this.
async fn with_instances(by: &str, script: Script) -> (Stage, Folder) {
    let folder = Folder::new("trapped").expect("a folder");
    let stage = Stage::start_with(script, |site| {
        for module in &site.modules {
            let to = if module == "index.js" { "worker.js" } else { module };
            std::fs::copy(site.folder.join(module), folder.path().join(to)).expect("a copy");
        }
        std::fs::write(folder.path().join("trapped.js"), by).expect("a file");
        let entry = "import \"./trapped.js\";\nexport { default } from \"./worker.js\";\n";
        std::fs::write(folder.path().join("index.js"), entry).expect("a file");
        folder.path().clone_into(&mut site.folder);
        let others = site.modules.iter().filter(|module| *module != "index.js").cloned();
        let own = ["index.js", "trapped.js", "worker.js"].map(str::to_owned);
        site.modules = own.into_iter().chain(others).collect();
    })
    .await;
    (stage, folder)
}

#[test]
fn after_a_trap_the_next_request_is_served() {
    play(async {
        let (stage, _folder) = with_instances(TRAPPED, Script::new().lane("one", 1)).await;
        for (path, body) in [(CHAT, chat("one", "hi")), ("/v1/messages", messages("one", "hi"))] {
            let answer = Ask::json(CHAT, &chat("one", "hi")).send(stage.address()).await;
            assert_eq!(answer.status, 200, "{}\n{}", answer.text(), stage.workerd.log());
            let answer = Ask::json(path, &body).send(stage.address()).await;
            assert_eq!(answer.status, 500, "{}", answer.text());
            let messages = path == "/v1/messages";
            assert_eq!(
                answer.json()["type"] == json!("error"),
                messages,
                "in its dialect: {}",
                answer.text()
            );
            assert_eq!(answer.json()["error"]["message"], "the router failed on this request");
        }
        assert!(stage.workerd.log().contains("pointsman: the router failed"), "{}", stage.workerd.log());
    });
}

/// A panic of the module itself, by its own hook.
#[test]
fn after_a_panic_everybody_has_an_answer_and_the_log_has_its_place() {
    play(async {
        let lanes = ["slow", "stream", "one"];
        let script = lanes.into_iter().fold(Script::new(), |script, name| script.lane(name, 1));
        let (stage, _folder) = with_instances(PANICS, script).await;
        let to = stage.address();
        for round in 1..=2 {
            for (path, dies) in
                [(CHAT, chat("one", "do panic")), ("/v1/messages", messages("one", "do panic"))]
            {
                stage.provider("slow-a").set_fault(Fault::SlowHead(Duration::from_millis(1500)));
                stage.provider("stream-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(200) });
                // Under way: one that waits for its provider, and a stream that passes.
                let before = stage.counts("slow", 1);
                let waits = tokio::spawn(Ask::json(CHAT, &chat("slow", "hi")).send(to));
                let asked = || (stage.counts("slow", 1) != before).then_some(());
                until(Duration::from_secs(10), asked).await.expect("it is under way");
                let mut connection = Connection::open(Protocol::H1, to).await.expect("a connection");
                let mut flow =
                    connection.start(Ask::json(CHAT, &streamed("stream"))).await.expect("an answer");
                assert!(flow.next().await.expect("still running").is_some());

                let answer = Ask::json(path, &dies).send(to).await;
                assert_eq!(answer.status, 500, "{}\n{}", answer.text(), stage.workerd.log());
                assert_eq!(answer.json()["type"] == json!("error"), path != CHAT, "{}", answer.text());
                assert_eq!(answer.json()["error"]["message"], "the router failed on this request");
                // The next one is served, while the others are still under way.
                let answer = Ask::json(CHAT, &chat("one", "hi")).send(to).await;
                assert_eq!(answer.status, 200, "{}\n{}", answer.text(), stage.workerd.log());

                let answer = waits.await.expect("an answer");
                assert_eq!(answer.status, 500, "what it waited for is not known any more: {}", answer.text());
                assert_eq!(answer.json()["error"]["message"], "the router failed on this request");
                let answer = flow.finish().await;
                assert!(
                    !answer.cut && answer.text().contains("[DONE]"),
                    "a stream passes on: {}",
                    answer.text()
                );
            }
            let log = stage.workerd.log();
            assert_eq!(log.matches("pointsman: the router failed at ").count(), 2 * round, "{log}");
            let places = log.lines().filter(|line| line.contains("the router failed at "));
            assert!(places.clone().all(|line| line.contains(".rs:")), "{log}");
            assert!(!log.contains("do panic"), "no prompt text: {log}");
        }
    });
}
