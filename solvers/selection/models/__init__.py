"""What learned policies and the recommender are made of: forests, a Gaussian process, linear models, paired comparisons."""
