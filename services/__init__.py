"""The five services of Zhike, the chassis that they start on and the kits that they share."""
