"""ELECTRA and MacBERT: losses against plain computations, runs as runs, saved encoders that fine-tune."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import AutoModel, AutoModelForMaskedLM

from engine.cli import main
from engine.data import encoding
from engine.data.builtin import rated_sentences
from engine.data.segmentation import encode_words
from engine.data.tasks import IGNORED
from engine.errors import UserError
from engine.lexicon.similar import SimilarWords
from engine.models import load_tokenizer
from engine.objectives.collator import MaskingCollator
from engine.objectives.electra import ELECTRA, ELECTRASettings
from engine.objectives.electra_pair import SHARED, corrupt, load_pair, make_generator
from engine.objectives.macbert import MacBERT, MacBERTSettings, halves
from engine.objectives.masking import Masker
from engine.objectives.start import load_discriminator, load_masked_lm
from engine.runs.build import build
from engine.runs.config import TrainConfig
from engine.subjects.classifier import load_classifier
from tests import tiny

TEXTS = ["a good film with music", "the dull story was boring on monday", "people and town", "very lovely"]


def quiet(module):
    """No dropout, float64."""
    for each in module.modules():
        if isinstance(each, torch.nn.Dropout):
            each.p = 0.0
    return module.double()


def electra(encoder, **settings):
    model, generator, head, tokenizer, _ = load_discriminator(str(encoder))
    made = ELECTRA(
        model,
        tokenizer,
        ELECTRASettings(**{"generator_size": 0.5, "mask_share": 0.4, **settings}),
        generator=generator,
        head=head,
    )
    quiet(made.module)
    return made


def macbert(encoder, **settings):
    model, tokenizer, _ = load_masked_lm(str(encoder))
    words = [*tiny.GOOD, *tiny.BAD, *tiny.FILLER]
    generator = torch.Generator().manual_seed(0)
    similar = SimilarWords(words, torch.rand(len(words), 8, generator=generator).numpy() + 0.5, "random")
    made = MacBERT(model, tokenizer, MacBERTSettings(**{"mask_share": 0.4, **settings}), similar)
    quiet(made.module)
    return made


def batch_of(objective, texts=TEXTS):
    return objective.collator.pad([encode_words(objective.tokenizer, text) for text in texts])


def test_electras_loss_is_the_plain_computation(encoder):
    objective = electra(encoder)
    batch = batch_of(objective)
    torch.manual_seed(4)
    loss, figures = objective.loss(objective.module, batch)
    # Again by hand: the same masks and the same samples, from the same seed.
    torch.manual_seed(4)
    seed = int(torch.randint(2**31, ()).item())
    masked = objective.collator.masker.mask(batch["input_ids"], batch["word_ids"], seed=seed)
    chosen = masked.labels != IGNORED
    assert chosen.any()
    assert (masked.input_ids[chosen] == objective.tokenizer.mask_token_id).all()
    pair, attention = objective.module, batch["attention_mask"]
    generated = pair.generator(input_ids=masked.input_ids, attention_mask=attention).logits
    mlm = -generated.log_softmax(-1)[chosen].gather(1, batch["input_ids"][chosen][:, None]).mean()
    likely = generated[chosen].float().softmax(-1)
    likely[:, objective.tokenizer.all_special_ids] = 0.0  # They would give themselves away.
    sampled = torch.multinomial(likely / likely.sum(-1, keepdim=True), 1)[:, 0]
    corrupted = batch["input_ids"].clone()
    corrupted[chosen] = sampled
    hidden = pair.encoder(input_ids=corrupted, attention_mask=attention).last_hidden_state
    verdict = pair.head(hidden)[..., 0].sigmoid()
    wrong = (corrupted != batch["input_ids"]).double()
    terms = -(wrong * verdict.log() + (1 - wrong) * (1 - verdict).log())
    discriminator = terms[attention.bool()].mean()
    assert float(loss) == pytest.approx(float(mlm + 50.0 * discriminator), rel=1e-6)
    assert len(figures["replaced"]) == int(attention.sum())  # All that is not padding.


def test_no_gradient_reaches_the_generator_through_the_sampling(encoder):
    objective = electra(encoder)
    batch = batch_of(objective)
    found, shared = {}, {id(parameter) for parameter in objective.module.encoder.parameters()}
    for weight in (0.0, 50.0):
        objective.settings = ELECTRASettings(generator_size=0.5, mask_share=0.4, discriminator_weight=weight)
        objective.module.zero_grad()
        torch.manual_seed(1)
        objective.loss(objective.module, batch)[0].backward()
        found[weight] = [
            parameter.grad.clone()
            for parameter in objective.module.generator.parameters()
            if parameter.grad is not None and id(parameter) not in shared
        ]
    assert found[0.0] and any(gradient.abs().max() > 0 for gradient in found[0.0])
    assert all(torch.equal(a, b) for a, b in zip(found[0.0], found[50.0], strict=True))


@pytest.mark.parametrize("share, names", SHARED.items())
def test_what_generator_and_discriminator_share_is_one_tensor(encoder, share, names):
    pair = electra(encoder, shared_embeddings=share).module
    mine, theirs = pair.generator.electra.embeddings, pair.encoder.embeddings
    for name in SHARED["all"]:
        for key, parameter in getattr(theirs, name).named_parameters():
            assert (getattr(mine, name).get_parameter(key) is parameter) == (name in names), (name, key)
    assert pair.generator.generator_lm_head.weight is mine.word_embeddings.weight


def test_a_generator_that_starts_from_the_model_reads_as_it_does_with_layers_of_its_own(encoder):
    objective = electra(encoder, generator_size=1.0, generator_start="model")
    pair, batch = objective.module, batch_of(objective)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    mine, theirs = pair.generator.electra, pair.encoder
    torch.testing.assert_close(mine(**inputs).last_hidden_state, theirs(**inputs).last_hidden_state)
    own = {id(each) for each in mine.encoder.parameters()}
    assert own.isdisjoint(id(each) for each in theirs.parameters())
    with pytest.raises(UserError, match="generator_size=1"):
        electra(encoder, generator_size=0.5, generator_start="model")
    with pytest.raises(UserError, match="built as BERT is"):
        make_generator(AutoModel.from_config(tiny.CONFIGS["distilbert"]()), 1.0, from_encoder=True)


def test_positions_that_do_not_begin_at_0_are_not_shared():
    roberta = AutoModel.from_config(tiny.CONFIGS["roberta"]())
    generator = make_generator(roberta, 0.5)
    mine, theirs = generator.electra.embeddings, roberta.embeddings
    assert mine.word_embeddings.weight is theirs.word_embeddings.weight
    assert mine.LayerNorm.weight is theirs.LayerNorm.weight
    assert mine.position_embeddings.weight is not theirs.position_embeddings.weight


def test_the_generator_sees_the_token_types(encoder):
    module = electra(encoder).module.eval()
    batch = batch_of(electra(encoder))
    ids, mask = batch["input_ids"], batch["attention_mask"]
    chosen = batch["word_ids"] >= 0
    found = [
        module(ids, ids, attention_mask=mask, token_type_ids=torch.full_like(ids, kind), chosen=chosen)["generated"]
        for kind in (0, 1)
    ]
    assert not torch.allclose(*found)


def test_electra_masks_15_percent_of_all_tokens_punctuation_too():
    tokenizer = load_tokenizer("minilm")
    texts = rated_sentences("movie")["text"].tolist()[:3000]
    masker = MaskingCollator(Masker(tokenizer, ELECTRASettings()))
    batch = masker.pad([encode_words(tokenizer, text) for text in texts])
    special = torch.tensor(tokenizer.all_special_ids)
    ordinary = ~torch.isin(batch["input_ids"], special)
    chosen = masker.masker.mask(batch["input_ids"], batch["word_ids"], seed=0).labels != IGNORED
    assert not chosen[~ordinary].any()
    assert float(chosen.sum() / ordinary.sum()) == pytest.approx(0.15, abs=0.003)
    punctuation = ordinary & (batch["word_ids"] < 0)
    assert punctuation.sum() > 1000
    assert float(chosen[punctuation].float().mean()) == pytest.approx(0.15, abs=0.03)


def test_the_embeddings_are_one_tensor(encoder):
    pair = electra(encoder).module
    words = pair.encoder.get_input_embeddings().weight
    assert pair.generator.get_input_embeddings().weight is words
    assert pair.generator.generator_lm_head.weight is words
    assert pair.generator.config.hidden_size == words.shape[1] // 2
    assert sum(parameter is words for parameter in pair.parameters()) == 1


def test_a_sampled_token_equal_to_the_original_counts_as_original(encoder):
    objective = electra(encoder)
    batch = batch_of(objective)
    chosen = batch["word_ids"] >= 0
    certain = F.one_hot(batch["input_ids"], len(objective.tokenizer)).double() * 1000.0
    assert torch.equal(corrupt(batch["input_ids"], certain[chosen], chosen), batch["input_ids"])
    torch.manual_seed(0)
    changed = corrupt(batch["input_ids"], torch.zeros_like(certain[chosen]), chosen)
    assert (changed != batch["input_ids"]).any()
    assert torch.equal(changed[~chosen], batch["input_ids"][~chosen])
    objective.module.generate = lambda masked, mask, places: certain[places]  # A generator that always knows.
    _, figures = objective.loss(objective.module, batch)
    assert figures["replaced"].sum() == 0


def test_special_and_unused_tokens_are_never_sampled(encoder):
    """A generator that wants nothing else must propose an ordinary token all the same; the loss still sees what it wanted."""
    objective = electra(encoder)
    tokenizer, pair = objective.tokenizer, objective.module
    wanted = torch.zeros(len(tokenizer))
    wanted[tokenizer.all_special_ids] = 50.0
    ids = torch.full((1, 500), 7)
    chosen = torch.ones_like(ids, dtype=torch.bool)
    found = corrupt(ids, pair.proposals(wanted.expand(500, -1)), chosen)
    assert not set(found.unique().tolist()) & set(tokenizer.all_special_ids) and len(found.unique()) > 5
    batch = batch_of(objective)
    places = batch["word_ids"] >= 0
    pair.generate = lambda masked, mask, at: wanted.expand(int(at.sum()), -1)
    torch.manual_seed(0)
    _, figures = objective.loss(pair, batch)
    assert figures["mlm_loss"] > 40.0  # 50 nats for each that it did not want.
    assert places.any()


def test_temperature_sharpens_the_samples(encoder):
    objective = electra(encoder)
    ids = torch.zeros(1, 4000, dtype=torch.long)
    logits = torch.zeros(1, 4000, 50)
    logits[..., 7] = 2.0
    chosen = torch.ones_like(ids, dtype=torch.bool)
    torch.manual_seed(0)
    for temperature in (0.5, 1.0, 2.0):
        expected = float((torch.tensor([2.0] + [0.0] * 49) / temperature).softmax(0)[0])
        assert (corrupt(ids, logits[chosen], chosen, temperature) == 7).float().mean() == pytest.approx(
            expected, abs=0.03
        )
    assert objective.settings.temperature == 1.0


@pytest.mark.parametrize("order", [False, True])
def test_macberts_loss_is_the_plain_computation(encoder, order):
    objective = macbert(encoder, sentence_order=order)
    batch = batch_of(objective)
    if order:
        batch["order"] = torch.tensor([0, 1, 1, 0])
    torch.manual_seed(4)
    loss, figures = objective.loss(objective.module, batch)
    torch.manual_seed(4)
    seed = int(torch.randint(2**31, ()).item())
    masked = objective.collator.masker.mask(batch["input_ids"], batch["word_ids"], seed=seed)
    chosen = masked.labels != IGNORED
    assert not (masked.input_ids == objective.tokenizer.mask_token_id).any()
    model = objective.module.model if order else objective.module
    found = model(
        input_ids=masked.input_ids, attention_mask=batch["attention_mask"],
        output_hidden_states=True,
    )  # fmt: skip
    expected = -found.logits.log_softmax(-1)[chosen].gather(1, batch["input_ids"][chosen][:, None]).mean()
    if order:
        said = objective.module.order(found.hidden_states[-1][:, 0]).log_softmax(-1)
        expected = expected - said.gather(1, batch["order"][:, None]).mean()
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    assert len(figures["correct"]) == int(chosen.sum())


def test_a_batch_in_which_nothing_is_selected_has_no_nan(encoder):
    objective = macbert(encoder, mask_share=1e-9)
    loss, _ = objective.loss(objective.module, batch_of(objective))
    loss.backward()
    assert float(loss) == 0.0
    objective = electra(encoder, mask_share=1e-9)
    loss, _ = objective.loss(objective.module, batch_of(objective))
    assert torch.isfinite(loss)


def test_halves_cut_between_words():
    assert halves("one two three four") == ("one two", "three four")
    assert "".join(halves("使用语言模型来预测下一个词的概率")) == "使用语言模型来预测下一个词的概率"
    assert halves("word") == ("word", "word")


def run(said, *arguments):
    code = main([str(argument) for argument in arguments])
    out = said.readouterr()
    assert code == 0, out.err
    return json.loads(out.out)


@pytest.mark.parametrize("method", ["electra", "macbert"])
def test_a_pre_trained_encoder_reloads_and_fine_tunes(encoder, sentences, capsys, method):
    common = ["--dataset", sentences, "--model", encoder, "--set", "batch_size=8", "--set", "learning_rate=2e-3"]
    if method == "macbert":
        common += ["--set", "strategy=ngram", "--set", "sentence_order=true"]
    found = run(capsys, "train", "--method", method, *common, "--max-steps", 30, "--json")
    assert found["status"] == "completed"
    assert 0 <= found["metrics"][found["metrics"]["main_metric"]] <= 1
    folder = f"{found['dir']}/model"
    model = AutoModel.from_pretrained(folder)
    assert model.config.model_type == "bert"
    before = load_file(encoder / "model.safetensors")
    after = dict(model.named_parameters())
    assert any(not torch.equal(tensor, after[name]) for name, tensor in before.items() if name in after)
    if method == "electra":
        pair, tokenizer = load_pair(__import__("pathlib").Path(folder))
        assert pair.generator.get_input_embeddings().weight.shape == pair.encoder.get_input_embeddings().weight.shape
        assert torch.isfinite(pair.detect(**tokenizer("a good film", return_tensors="pt"))).all()
    else:
        assert AutoModelForMaskedLM.from_pretrained(folder).config.model_type == "bert"
    with pytest.raises(UserError, match="it has no classifier"):
        load_classifier(run=found["run"])
    tuned = run(
        capsys,
        "train",
        "--method",
        "freelb",
        "--dataset",
        sentences,
        "--model",
        folder,
        "--max-steps",
        4,
        "--set",
        "batch_size=8",
        "--json",
    )
    assert tuned["status"] == "completed"


@pytest.mark.parametrize(("method", "stop"), [("electra", 3), ("electra", 9), ("macbert", 9)])
def test_pre_training_resumes_as_if_never_stopped(encoder, sentences, tmp_path, method, stop):
    from tests.engine.test_trainer import StopAt

    settings = {"batch_size": "32", "strategy": "wwm"}
    if method == "macbert":
        settings["sentence_order"] = "true"
    config = TrainConfig.build(
        {"method": method, "dataset": str(sentences), "model": str(encoder), "max_steps": 11}, settings
    )
    torch.manual_seed(1)  # The new heads' weights do not depend on what was drawn before.
    whole = build(config, tmp_path / "whole").trainer
    whole.train()
    torch.manual_seed(2)
    first = build(config, tmp_path / "halves").trainer
    assert 3 < len(first.get_train_dataloader()) < 9  # It stops in the first epoch, and in the second one.
    first.add_callback(StopAt(stop))
    first.train()
    second = build(config, tmp_path / "halves").trainer
    second.train(resume_from_checkpoint=True)
    expected, found = (dict(each.model.named_parameters()) for each in (whole, second))
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    other = copy.deepcopy(expected)
    assert other.keys() == found.keys()


@pytest.mark.parametrize(("method", "order"), [("electra", False), ("macbert", True)])
def test_many_texts_are_tokenised_when_they_are_read_with_the_same_result(
    encoder, sentences, tmp_path, monkeypatch, method, order
):
    settings = {"batch_size": "8", "strategy": "wwm", **({"sentence_order": "true"} if order else {})}
    config = TrainConfig.build(
        {"method": method, "dataset": str(sentences), "model": str(encoder), "max_steps": 2}, settings
    )
    small = build(config, tmp_path / "small").trainer
    monkeypatch.setattr(encoding, "LARGE", 20)
    large = build(config, tmp_path / "large").trainer
    assert encoding.is_lazy(large.train_dataset) and not encoding.is_lazy(small.train_dataset)
    assert list(large.train_dataset) == list(small.train_dataset)
    large.train()
    assert large.state.global_step == 2


def test_bad_input(encoder, sentences, tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "chinese.txt").write_text("\n".join(f"这家酒店很好，第{place}次来。" for place in range(80)))
    (tmp_path / "not.vec").write_text("this is no vector file\n")
    cases = (
        (["--method", "electra", "--dataset", tmp_path / "empty.txt", "--model", encoder], "too little text"),
        (["--method", "macbert", "--dataset", tmp_path / "gone.txt", "--model", encoder], "cannot be read"),
        (["--method", "electra", "--dataset", sentences, "--model", encoder, "--set", "strategy=mac"], "fills masks"),
        (
            [
                "--method",
                "macbert",
                "--dataset",
                sentences,
                "--model",
                encoder,
                "--set",
                f"similar={tmp_path / 'not.vec'}",
            ],
            "not a word2vec file",
        ),
        (["--method", "macbert", "--dataset", sentences, "--model", encoder, "--set", "similar=fr"], "none of them"),
        (["--method", "macbert", "--dataset", sentences, "--model", encoder, "--set", "mask_share=2"], "mask_share"),
        (["--method", "electra", "--dataset", sentences, "--model", "no-such"], "cannot be loaded"),
    )
    for arguments, words in cases:
        assert main(["train", *map(str, arguments), "--max-steps", "2"]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert len(error.strip().splitlines()) == 1
    config = TrainConfig.build(
        {"method": "electra", "dataset": str(tmp_path / "chinese.txt"), "model": str(encoder), "max_steps": 2}
    )
    with pytest.raises(UserError, match="cannot write"):
        build(config, tmp_path / "run")
