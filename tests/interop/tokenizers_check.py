"""For tokenizers.sh: FOLDER PROGRAM. Makes tokenizers of every kind that is read, with the package tokenizers, and compares
what they make of odd strings with what PROGRAM does."""

import io
import json
import pathlib
import random
import subprocess
import sys
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = ["The pump's bearing is worn; we'll replace it before 2027.", "It's 3.14159 units, isn't it? You've seen that they're late.",
          'naïve café – coöperate, façade Ünïcödé', 'Привет, мир! как дела', '你好，世界 机器学习 模型', 'こんにちは世界', 'مرحبا بالعالم',
          'def f(x):\n    return x ** 2\t# squared\n', 'a  b   c    d', '🙂🙃 emoji 👩‍🔬 and flags 🇩🇪', 'ABC abc AbC ÀÉÎÕÜ İstanbul',
          'e-mail: someone@example.com, https://example.com/a?b=c&d=%20', '½ ² Ⅷ ٣ १२३', 'ﬁne ﬂow Å Å'] * 3

ODD = ['', ' ', '   ', '\n', 'a', ' a', 'a ', '  a  b ', "'s", "it's'll", "I'M I'm 'LL", '\t\n a\r\nb', 'a' * 99, 'a' * 100, 'a' * 101,
       '[CLS] in [MASK] text [SEP]', 'x[SEP]y', '<s>a</s> <mask> b', ' <mask>', 'a\u200bb', 'a\u00adb', 'a\u0000b', '\ufffd', 'e\u0301',
       '\u0301', '\u1e9b\u0323', 'ﬁ', '①', '\u212b', 'ΑΒΓ ς Σ', 'ß ẞ', 'İ I ı i', '\u3000全角', '漢字kanji混じり', '한국어 텍스트', '\U0001f469\u200d\U0001f52c',
       '\U0001f1e9\U0001f1ea', '𝔘𝔫𝔦', '\u202eabc', '100,000.50', '$5+3=8^`~|', '“quoted” ‘text’ …', '\x7f\x80\x85\xa0', '\u2028\u2029', 'ا\u064b',
       'นี่คือ', '\U000e0001', '\ue000', 'a' + '\u0300' * 50, "don''t", "''s", ' \u00a0 x', 'x \n y', '\n\n\nx']


def odd_strings():
    generator = random.Random(11)
    points = [c for line in CORPUS + ODD for c in line]
    strings = CORPUS[:14] + ODD
    for _ in range(3000):
        strings.append(''.join(generator.choice(points) for _ in range(generator.randint(1, 30))))
    for _ in range(3000):
        drawn = (chr(generator.choice((generator.randrange(0x3000), generator.randrange(0x20000)))) for _ in range(12))
        strings.append(''.join(filter(is_settled, drawn)))
    return strings


def is_settled(c):
    """Whether Unicode 3.2 has the character as it is now: the package's tables of punctuation are older than ours."""
    category = unicodedata.category(c)
    return category not in ('Cs', 'Cn') and unicodedata.ucd_3_2_0.category(c) == category


def bert(lowercase, accents=None):
    tokenizer = Tokenizer(models.WordPiece(unk_token='[UNK]'))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=accents)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special))
    return tokenizer


def bert_template(lowercase):
    tokenizer = bert(lowercase)
    tokenizer.post_processor = processors.TemplateProcessing(
        single='[CLS] $A [SEP]', pair='[CLS] $A [SEP] $B:1 [SEP]:1', special_tokens=[('[CLS]', 2), ('[SEP]', 3)])
    return tokenizer


def byte_level(prefix, normalizer=None):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=600, special_tokens=['<s>', '<pad>', '</s>', '<unk>', '<mask>'],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def roberta():
    tokenizer = byte_level(False)
    tokenizer.post_processor = processors.RobertaProcessing(('</s>', 2), ('<s>', 0))
    file = json.loads(tokenizer.to_str())
    for token in file['added_tokens']:
        token['lstrip'] = token['content'] == '<mask>'
    return Tokenizer.from_str(json.dumps(file))


def sentence_piece(**options):
    """A Unigram model as SentencePiece trains it: pieces with scores, and its rules of normalising."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS * 3), model_writer=model, model_type='unigram', vocab_size=options.pop('size', 330),
                                             hard_vocab_limit=False, minloglevel=2, **options)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    return [(piece.piece, piece.score) for piece in proto.pieces], proto


def unigram(normalizer, pre_tokenizer, **options):
    """As converters of Hugging Face's transformers make a tokenizer of a SentencePiece model. `normalizer` gets the rules."""
    bytes_too = options.get('byte_fallback', False)
    pieces, proto = sentence_piece(**options)
    tokenizer = Tokenizer(models.Unigram(pieces, proto.trainer_spec.unk_id, bytes_too))
    tokenizer.normalizer = normalizer(normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(['<s>', '</s>', '<mask>'])
    return tokenizer


def albert(rules):
    return normalizers.Sequence([normalizers.Replace('``', '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(),
                                 normalizers.Lowercase(), rules, normalizers.Replace(Regex(' {2,}'), ' ')])


def t5(rules):
    return normalizers.Sequence([rules, normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(' {2,}'), '\u2581')])


def xlm_roberta(rules):
    return normalizers.Sequence([rules, normalizers.Replace(Regex(' {2,}'), ' ')])


def ended(tokenizer):
    tokenizer.post_processor = processors.TemplateProcessing(single='$A </s>', pair='$A </s> $B </s>', special_tokens=[('</s>', 2)])
    return tokenizer


def trained_unigram():
    """With the package's own trainer and the steps that its SentencePieceUnigramTokenizer has."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(' {2,}'), ' '), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=400, unk_token='<unk>', special_tokens=['<unk>', '<s>', '</s>', '<mask>']))
    return tokenizer


def llama(normalizer, pre_tokenizer, bytes_known=256, **model):
    """BPE over characters, with tokens for bytes, as Llama 2 has it."""
    tokenizer = Tokenizer(models.BPE(unk_token='<unk>'))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=500, limit_alphabet=90, special_tokens=['<unk>', '<s>', '</s>']))
    file = json.loads(tokenizer.to_str())
    vocab = file['model']['vocab']
    for byte in range(bytes_known):
        vocab[f'<0x{byte:02X}>'] = len(vocab)
    file['model'].update(model)
    tokenizer = Tokenizer.from_str(json.dumps(file))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    return tokenizer


def sentence_pieces():
    always, plain = pre_tokenizers.Metaspace(), '\u2581'
    yield 'XLM-R', ended(unigram(xlm_roberta, always))
    yield 'XLM-R of older files', unigram(xlm_roberta, pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]))
    yield 'T5', ended(unigram(t5, pre_tokenizers.Metaspace(prepend_scheme='first')))
    yield 'ALBERT', unigram(albert, always, normalization_rule_name='nmt_nfkc_cf')
    yield 'unigram over the whole text', unigram(lambda rules: rules, pre_tokenizers.Metaspace(split=False), split_by_whitespace=False)
    yield 'unigram with bytes', unigram(xlm_roberta, always, byte_fallback=True, size=500, character_coverage=0.98)
    yield 'unigram, never a blank in front', unigram(lambda rules: normalizers.Sequence([normalizers.Strip(), rules]), pre_tokenizers.Metaspace(prepend_scheme='never'))
    yield "the package's own unigram", trained_unigram()
    prepended = normalizers.Sequence([normalizers.Prepend(plain), normalizers.Replace(' ', plain)])
    yield 'Llama 2', llama(prepended, None, byte_fallback=True, fuse_unk=True)
    yield 'Llama 2 of newer files', llama(None, pre_tokenizers.Metaspace(prepend_scheme='first', split=False), byte_fallback=True, fuse_unk=True)
    yield 'BPE, some bytes known', llama(None, always, bytes_known=0xD0, byte_fallback=True, fuse_unk=True)
    yield 'BPE, unknowns fused', llama(None, always, fuse_unk=True)
    yield 'BPE, unknowns single', llama(None, always)
    yield 'BPE, words that are tokens', llama(None, always, ignore_merges=True, byte_fallback=True)


def tokenizers():
    yield from sentence_pieces()
    cased = bert(False)
    cased.post_processor = processors.BertProcessing(('[SEP]', 3), ('[CLS]', 2))
    yield 'bert uncased', bert_template(True)
    yield 'bert cased', cased
    yield 'bert lower, accents kept', bert(True, False)
    yield 'gpt2', byte_level(False)
    yield 'gpt2 with a space in front', byte_level(True)
    yield 'roberta', roberta()
    yield 'bytes of NFKC', byte_level(False, normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]))
    yield 'bytes of NFC', byte_level(False, normalizers.NFC())


def ask(program, path, strings):
    lines = ''.join(json.dumps(each) + '\n' for each in strings)
    run = subprocess.run([program, str(path)], input=lines, capture_output=True, text=True, check=False)
    return run.stdout.split('\n')[:-1] if run.returncode == 0 else run.stderr


def compare_with_sentence_piece(folder, program, strings):
    """SentencePiece itself splits some strings otherwise than tokenizer.json does: rules for graphemes, ties, blanks at the ends. Few."""
    pieces, proto = sentence_piece()
    judge = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    tokenizer = Tokenizer(models.Unigram(pieces, proto.trainer_spec.unk_id, False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Strip(),
                                                 normalizers.Replace(Regex(' {2,}'), ' ')])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    path = pathlib.Path(folder) / 'tokenizer.json'
    tokenizer.save(str(path))
    got = ask(program, path, strings)
    alike = sum(' '.join(map(str, judge.encode(each))) == have for each, have in zip(strings, got))
    print(f'SentencePiece itself: {alike} of {len(strings)} strings alike')
    return alike >= 0.99 * len(strings)


def main(folder, program):
    strings, failures = odd_strings(), 0
    for name, tokenizer in tokenizers():
        path = pathlib.Path(folder) / 'tokenizer.json'
        tokenizer.save(str(path))
        got = ask(program, path, strings)
        if isinstance(got, str):
            print('FAILED:', name, got)
            failures += 1
            continue
        wanted = [' '.join(map(str, tokenizer.encode(each).ids)) for each in strings]
        wrong = [(each, want, have) for each, want, have in zip(strings, wanted, got) if want != have]
        print(f'{name}: {len(strings) - len(wrong)} of {len(strings)} strings alike')
        for each in wrong[:3]:
            print('FAILED:', *map(ascii, each))
        failures += len(wrong) > 0 or len(got) != len(strings)
    if not compare_with_sentence_piece(folder, program, strings):
        print('FAILED: SentencePiece')
        failures += 1
    bpe = {'type': 'BPE', 'vocab': {}, 'merges': []}
    for component, file in (('Punctuation', {'model': bpe, 'pre_tokenizer': {'type': 'Punctuation'}}), ('end_of_word_suffix', {'model': {**bpe, 'end_of_word_suffix': '</w>'}}),
                            ("'a+'", {'model': bpe, 'normalizer': {'type': 'Replace', 'pattern': {'Regex': 'a+'}, 'content': ''}}),
                            ('unk_id', {'model': {'type': 'Unigram', 'vocab': [['a', 0]]}}), ('dropout', {'model': {**bpe, 'dropout': 0.5}})):
        path.write_text(json.dumps(file))
        said = ask(program, path, [])
        if component not in said:
            print('FAILED:', component, said)
            failures += 1
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2]))
