DROP INDEX jobs_services_of_driver;
DROP INDEX jobs_services_of_customer;
DROP TABLE bookings;
