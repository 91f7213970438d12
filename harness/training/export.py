"""Write a network as a GGUF file that llama.cpp reads, with the hash of the prompts it was trained on."""

from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import quantize

from training.network import Network
from training.tokenizer import CHAT_TEMPLATE, END, PAD, SPECIALS, Tokenizer
from understudy.prompts import v1

PROMPTS_KEY = "understudy.prompts"
NAME_KEY = "understudy.fixture"


def export(path: Path, network: Network, tokenizer: Tokenizer, name: str) -> int:
    """Write 8-bit weights (norms stay in full precision) and return the size in bytes."""
    writer = gguf.GGUFWriter(str(path), "llama")
    _describe(writer, network, name)
    _vocabulary(writer, network.shape.vocabulary, tokenizer)
    _tensors(writer, network)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.stat().st_size


def _describe(writer: gguf.GGUFWriter, network: Network, name: str) -> None:
    shape = network.shape
    writer.add_name(f"understudy fixture {name}")
    writer.add_description("Trained from scratch on the bundled task families only; no general language model.")
    writer.add_license("MIT")
    writer.add_string(NAME_KEY, name)
    writer.add_string(PROMPTS_KEY, v1.builders_hash())
    writer.add_context_length(shape.window)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _vocabulary(writer: gguf.GGUFWriter, size: int, tokenizer: Tokenizer) -> None:
    unused = [f"<|unused{index}|>" for index in range(size - len(tokenizer.vocabulary))]
    kinds = [gguf.TokenType.CONTROL] * len(SPECIALS)
    kinds += [gguf.TokenType.NORMAL] * (len(tokenizer.vocabulary) - len(SPECIALS))
    writer.add_tokenizer_model("gpt2")  # byte-level BPE
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*tokenizer.vocabulary, *unused])
    writer.add_token_types([*kinds, *([gguf.TokenType.UNUSED] * len(unused))])
    writer.add_token_merges([f"{a} {b}" for a, b in tokenizer.merges])
    writer.add_bos_token_id(PAD)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _tensors(writer: gguf.GGUFWriter, network: Network) -> None:
    def put(name: str, tensor: torch.Tensor) -> None:
        values = np.ascontiguousarray(tensor.detach().float().numpy())
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            q8 = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, quantize(values, q8), raw_dtype=q8)

    put("token_embd.weight", network.embedding.weight)  # no output.weight: the head is tied
    put("output_norm.weight", network.norm.weight)
    for index, block in enumerate(network.blocks):
        q, k, v = block.qkv.weight.chunk(3)
        gate, up = block.gate_up.weight.chunk(2)
        tensors = {
            "attn_norm": block.attention_norm.weight,
            "attn_q": q,
            "attn_k": k,
            "attn_v": v,
            "attn_output": block.out.weight,
            "ffn_norm": block.inner_norm.weight,
            "ffn_gate": gate,
            "ffn_up": up,
            "ffn_down": block.down.weight,
        }
        for name, tensor in tensors.items():
            put(f"blk.{index}.{name}.weight", tensor)
