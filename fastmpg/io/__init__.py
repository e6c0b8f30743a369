"""Games from elsewhere, and for elsewhere: one file a format, found here by themselves."""

from typing import TYPE_CHECKING

from .._discover import listing, public_functions

if TYPE_CHECKING:  # written by fastmpg._discover.write_exports
    from .agg import read_agg as read_agg
    from .agg import write_agg as write_agg
    from .cassandra import read_cassandra as read_cassandra
    from .cassandra import write_cassandra as write_cassandra
    from .gymnasium import from_gymnasium as from_gymnasium
    from .gymnasium import to_gymnasium as to_gymnasium
    from .mdptoolbox import from_mdptoolbox as from_mdptoolbox
    from .mdptoolbox import to_mdptoolbox as to_mdptoolbox
    from .nashpy import from_nashpy as from_nashpy
    from .nashpy import to_nashpy as to_nashpy
    from .nfg import read_nfg as read_nfg
    from .nfg import write_nfg as write_nfg
    from .npz import read_npz as read_npz
    from .npz import write_npz as write_npz
    from .openspiel import from_openspiel as from_openspiel
    from .openspiel import to_openspiel as to_openspiel
    from .pettingzoo import from_pettingzoo as from_pettingzoo
    from .pettingzoo import to_pettingzoo as to_pettingzoo
    from .pygambit import from_pygambit as from_pygambit
    from .pygambit import to_pygambit as to_pygambit
    from .quantecon import from_quantecon as from_quantecon
    from .quantecon import to_quantecon as to_quantecon
    from .read import read as read
    from .read import write as write
    from .sgamesolver import from_sgamesolver as from_sgamesolver
    from .sgamesolver import from_sgamesolver_table as from_sgamesolver_table
    from .sgamesolver import read_sgamesolver as read_sgamesolver
    from .sgamesolver import to_sgamesolver as to_sgamesolver
    from .sgamesolver import to_sgamesolver_table as to_sgamesolver_table
    from .sgamesolver import write_sgamesolver as write_sgamesolver
    from .tntp import read_tntp as read_tntp
    from .tntp import read_tntp_network as read_tntp_network
    from .tntp import read_tntp_trips as read_tntp_trips
    from .tntp import write_tntp_network as write_tntp_network

_found = public_functions(__name__, __path__)
globals().update(_found)
__all__ = sorted(_found)
__dir__ = listing(globals())
