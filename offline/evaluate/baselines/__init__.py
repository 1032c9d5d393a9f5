"""What Freshet's lists are compared with, in the same process under the same protocol."""
