"""What a verdict on a posterior is made of: one kind of question a file."""
