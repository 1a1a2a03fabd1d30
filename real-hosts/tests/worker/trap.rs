//! A router that dies on one request: that one is told so, the next is served.

use real_hosts::{client::Ask, stage::Script};
use serde_json::json;

use crate::{CHAT, Stage, chat, messages, play};

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

#[test]
fn after_a_trap_the_next_request_is_served() {
    play(async {
        let folder = live::folder::Folder::new("trapped").expect("a folder");
        let stage = Stage::start_with(Script::new().lane("one", 1), |site| {
            for module in &site.modules {
                let to = if module == "index.js" { "worker.js" } else { module };
                std::fs::copy(site.folder.join(module), folder.path().join(to)).expect("a copy");
            }
            std::fs::write(folder.path().join("trapped.js"), TRAPPED).expect("a file");
            let entry = "import \"./trapped.js\";\nexport { default } from \"./worker.js\";\n";
            std::fs::write(folder.path().join("index.js"), entry).expect("a file");
            folder.path().clone_into(&mut site.folder);
            let others = site.modules.iter().filter(|module| *module != "index.js").cloned();
            site.modules = ["index.js", "trapped.js", "worker.js"]
                .map(str::to_owned)
                .into_iter()
                .chain(others)
                .collect();
        })
        .await;
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
