"""Made torch_zip.pth and torch_legacy.pth with PyTorch 1.13 (Debian's python3-torch). The tests read
the files; nobody needs to run this again."""
from collections import OrderedDict

import torch

base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
tensors = OrderedDict(
    view=base[1:3, 1:5:2].t(),
    half=torch.tensor([1.5, -2.25, 6e-8, 65504.0]).half(),
    bf=torch.tensor([1.5, -3.0]).bfloat16(),
    dbl=torch.tensor([[0.1]], dtype=torch.float64),
    n=torch.tensor(7),
    b=torch.tensor([True, False]),
    i8=torch.tensor([-3, 4], dtype=torch.int8),
    expanded=torch.tensor([5.0]).expand(3),
    p=torch.nn.Parameter(torch.tensor([1.0, 2.0])),
)
checkpoint = {"epoch": 3, "lr": 0.1, "state_dict": tensors, "big": 2**40, "best": None}
torch.save(checkpoint, "torch_zip.pth")
torch.save(checkpoint, "torch_legacy.pth", _use_new_zipfile_serialization=False)
