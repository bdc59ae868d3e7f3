// Makes the three members one replica set, once; running it again changes nothing. Waits until one of them is primary.
// mongosh --host mongodb-1 --nodb --file replica-set.js
const members = ["mongodb-1", "mongodb-2", "mongodb-3"];
const admin = connect(`mongodb://${members[0]}:27017/admin?directConnection=true`);
const config = { _id: "zhike", members: members.map((name, id) => ({ _id: id, host: `${name}:27017` })) };
try {
  admin.runCommand({ replSetInitiate: config });
} catch (error) {
  if (error.codeName !== "AlreadyInitialized") throw error;
}
for (let tries = 0; tries < 60; tries++) {
  if (admin.hello().primary) quit(0);
  sleep(1000);
}
print("no member became primary within a minute");
quit(1);
