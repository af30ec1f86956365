"""Constants of nature in house units (m, ns, GeV), each with its source.

All are from S. Navas et al. (Particle Data Group), Phys. Rev. D 110, 030001 (2024), "PDG 2024" below.
"""

SPEED_OF_LIGHT = 0.299792458  # m/ns; exact (SI); PDG 2024 table 1.1
FINE_STRUCTURE = 7.2973525693e-3  # 1; fine-structure constant, 1/137.035999084; PDG 2024 table 1.1
BETHE_K = 0.307075  # MeV cm2/mol; 4 pi N_A r_e^2 m_e c^2; PDG 2024 table 34.1
PLASMA_ENERGY = 28.816  # eV at rho Z/A = 1 g/cm3; PDG 2024 table 34.1

ELECTRON_MASS = 0.51099895000e-3  # GeV; PDG 2024 table 1.1
MUON_MASS = 0.1056583755  # GeV; PDG 2024 lepton listings
TAU_MASS = 1.77693  # GeV; PDG 2024 lepton listings
PION_MASS = 0.13957039  # GeV; charged pion, PDG 2024 meson listings
KAON_MASS = 0.493677  # GeV; charged kaon, PDG 2024 meson listings
PROTON_MASS = 0.93827208816  # GeV; PDG 2024 table 1.1
NEUTRON_MASS = 0.93956542052  # GeV; PDG 2024 baryon listings
