"""Does it sound like the person, and what does it give away?"""
